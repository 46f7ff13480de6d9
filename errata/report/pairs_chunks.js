"use strict";
// Values in compressed chunks: opened when they are asked for, and kept.
(() => {
  async function inflate(text) {
    const raw = atob(text);
    const bytes = new Uint8Array(raw.length);
    for (let at = 0; at < raw.length; at++) bytes[at] = raw.charCodeAt(at);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  errata.chunks = (key) => {
    let packed = null;
    const opened = new Map();
    return (at) => {
      packed ??= errata.read(key);
      if (!opened.has(at)) opened.set(at, inflate(packed[at]));
      return opened.get(at);
    };
  };
})();
