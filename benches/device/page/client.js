// The worker does it, as in the product: nothing of a round runs where the page is drawn.

const worker = new Worker("client-worker.js", { type: "module" });
worker.onmessage = ({ data }) => (window.result = data);
worker.onerror = ({ message }) => (window.result = { error: message });
