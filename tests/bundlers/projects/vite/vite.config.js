// The worker is a module, as the package starts it.
export default { worker: { format: "es" } };
