using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "network", network = (allow = ["private", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "main.js", esModule = embed "dist/main.js"),
    (name = "sottovoce.wasm", wasm = embed "node_modules/sottovoce/dist/sottovoce.wasm"),
  ],
  compatibilityDate = "2024-09-01",
  globalOutbound = "network",
);
