import { createApp, h, watch } from "vue";
import { Sottovoce } from "sottovoce";
import { useQueue, useSottovoce } from "sottovoce/vue";
import { openInWorker } from "sottovoce/worker";
import { journey, workerJourney } from "../../../projects/journey.js";

const server = import.meta.env.VITE_SERVER ?? "/";

const Songs = {
  setup() {
    const { engine, error } = useSottovoce({ server, name: "vue", store: "memory" });
    const { songs, observe } = useQueue(engine, { k: 5 });
    const queues = [];
    watch(error, (problem) => problem && (globalThis.report = { failed: String(problem) }));
    watch(songs, async (now) => {
      if (now.length) queues.push(now.map(({ id }) => id));
      if (queues.length === 1) observe(queues[0][0], { kind: "skip", heard: 0 });
      if (queues.length !== 2) return;
      try {
        const report = await journey(() => Sottovoce.open({ server }));
        globalThis.report = { ...report, worker: await workerJourney(openInWorker, { server }), queues };
      } catch (problem) {
        globalThis.report = { failed: String(problem?.stack ?? problem) };
      }
    });
    return () => h("ol", songs.value.map(({ title }) => h("li", title)));
  },
};

createApp(Songs).mount("#app");
