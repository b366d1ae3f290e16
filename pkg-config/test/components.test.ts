// The hooks and the composables: which engine they open, and that it goes with the component.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { before, test } from "node:test";
import { act, createElement } from "react";
import { createRenderer, createSSRApp, defineComponent, h } from "vue";
import { renderToString } from "vue/server-renderer";
import { Sottovoce, codeOf, init, type ComponentOptions, type OpenOptions } from "../src/index.js";
import { useQueue as useQueueInReact, useRounds as useRoundsInReact, useSottovoce as useInReact } from "../src/react.js";
import { useQueue as useQueueInVue, useRounds as useRoundsInVue, useSottovoce as useInVue } from "../src/vue.js";
import { catalogueFetch } from "./catalogue.js";
import { standIn } from "./device.js";

const WASM = resolve("src/generated-full/sottovoce_bg.wasm");
const skip = existsSync(WASM) ? false : "the engine is not built: cargo xtask package";
const OPTIONS: ComponentOptions = { server: "http://songs.test/", store: "memory", seed: 7n, fetch: catalogueFetch() };

before(async () => {
  if (!skip) await init(await readFile(WASM));
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
});

/** An opener as `sottovoce/full` has one, and what it was asked and gave. */
function opener() {
  const asked: OpenOptions[] = [];
  const opened: Sottovoce[] = [];
  const open = async (options: OpenOptions) => {
    asked.push(options);
    const engine = await Sottovoce.open(options);
    opened.push(engine);
    return engine;
  };
  return { asked, opened, open };
}

/** Waits until `there` gives something. */
async function until<T>(there: () => T | undefined): Promise<T> {
  for (let i = 0; i < 500; i++) {
    const found = there();
    if (found !== undefined) return found;
    await new Promise((later) => setTimeout(later, 10));
  }
  throw new Error("it did not come in five seconds");
}

const closed = (engine: Sottovoce) => until(() => {
  try {
    engine.recommend();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
});

interface Mounted {
  unmount(): void;
}

/** Renders without a document. */
async function inReact(component: () => null): Promise<Mounted> {
  // It has no types of its own.
  const { create } = (await import("react-test-renderer" as string)) as { create(element: unknown): Mounted };
  let mounted!: Mounted;
  await act(async () => {
    mounted = create(createElement(component));
  });
  return mounted;
}

/** The same for Vue: nodes that are nothing but objects. */
function inVue(setup: () => void): Mounted {
  const nothing = () => {};
  const node = () => ({});
  const { createApp } = createRenderer<object, object>({
    patchProp: nothing, insert: nothing, remove: nothing, setText: nothing, setElementText: nothing, parentNode: () => null, nextSibling: () => null,
    createElement: node, createText: node, createComment: node,
  });
  const app = createApp(defineComponent({ setup: () => (setup(), () => h("p")) }));
  app.mount({});
  return app;
}

test("React: useSottovoce opens by the opener it is given, once, and closes with the component", { skip }, async () => {
  const { asked, opened, open } = opener();
  let state!: ReturnType<typeof useInReact>;
  let songs = 0;
  const mounted = await inReact(() => {
    // A function that is new every time is no reason to open again.
    state = useInReact({ ...OPTIONS, open: (options) => open(options) });
    songs = useQueueInReact(state.engine, { k: 5 }).songs.length;
    return null;
  });
  await act(() => until(() => state.engine));
  assert.equal(state.engine, opened[0]);
  assert.equal(songs, 5);
  assert.equal(asked.length, 1);
  assert.ok(!("open" in asked[0]!) && asked[0]!.server === OPTIONS.server && asked[0]!.signal);
  await act(async () => mounted.unmount());
  assert.equal(await closed(opened[0]!), "engine/closed");
});

test("React: without an opener it is the engine that plays, and what fails is told", { skip }, async () => {
  let state!: ReturnType<typeof useInReact>;
  const mounted = await inReact(() => ((state = useInReact(OPTIONS)), null));
  await act(() => until(() => state.engine));
  assert.ok(state.engine instanceof Sottovoce);
  await act(async () => mounted.unmount());
  const failed = await inReact(() => ((state = useInReact({ open: () => Promise.reject(new TypeError("no engine")) })), null));
  await act(() => until(() => state.error));
  assert.equal(state.status, "failed");
  assert.match(String(state.error), /no engine/);
  await act(async () => failed.unmount());
});

test("Vue: useSottovoce opens by the opener it is given, and closes with the component", { skip }, async () => {
  const { asked, opened, open } = opener();
  let state!: ReturnType<typeof useInVue>;
  let queue!: ReturnType<typeof useQueueInVue>;
  const mounted = inVue(() => {
    state = useInVue({ ...OPTIONS, open });
    queue = useQueueInVue(state.engine, { k: 5 });
  });
  assert.equal(await until(() => state.engine.value), opened[0]);
  assert.equal(state.status.value, "open");
  await until(() => (queue.songs.value.length === 5 ? true : undefined));
  assert.ok(asked.length === 1 && !("open" in asked[0]!));
  mounted.unmount();
  assert.equal(await closed(opened[0]!), "engine/closed");
});

test("Vue: a component that is rendered on a server opens nothing", async () => {
  const { asked, open } = opener();
  const app = createSSRApp(defineComponent({
    setup() {
      const { status } = useInVue({ ...OPTIONS, open });
      return () => h("p", status.value);
    },
  }));
  assert.equal(await renderToString(app), "<p>opening</p>");
  assert.equal(asked.length, 0);
});

test("both take an engine that the page opened itself, and leave it open", { skip }, async () => {
  const engine = await Sottovoce.open(OPTIONS);
  let songs = 0;
  const react = await inReact(() => ((songs = useQueueInReact(engine, { k: 4 }).songs.length), null));
  await act(() => until(() => songs || undefined));
  assert.equal(songs, 4);
  await act(async () => react.unmount());
  let queue!: ReturnType<typeof useQueueInVue>;
  const vue = inVue(() => (queue = useQueueInVue(engine, { k: 4 })));
  assert.equal(queue.songs.value.length, 4);
  vue.unmount();
  assert.equal(engine.recommend({ k: 4 }).length, 4);
  await engine.close();
});

/** An engine whose rounds are not real: `participate` runs until it is stopped, or fails. */
async function withRounds() {
  const engine = await Sottovoce.open(OPTIONS);
  const asked: AbortSignal[] = [];
  standIn(engine, {
    async participate({ signal }: { signal: AbortSignal }) {
      asked.push(signal);
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    },
    roundState: () => ({ phase: "idle", enlisted: false, included: 0, participating: asked.length > 0 }),
    explainUpload: () => undefined,
    privacy: async () => ({ epsilon: 1, budget: 8, left: 7, delta: 1e-6, rounds: 1, roundsLeft: 7 }),
  });
  return { engine, asked };
}

test("React: useRounds takes part while the listener agrees and the component is there, and tells how it stands", { skip }, async () => {
  const { engine, asked } = await withRounds();
  let rounds!: ReturnType<typeof useRoundsInReact>;
  const mounted = await inReact(() => ((rounds = useRoundsInReact(engine, { participate: true, charging: false })), null));
  await act(() => until(() => rounds.privacy));
  assert.deepEqual([rounds.state?.phase, rounds.privacy?.left, asked.length], ["idle", 7, 0]);
  await act(async () => engine.setConsent(true));
  assert.equal(asked.length, 1);
  await act(async () => engine.setConsent(false));
  assert.ok(asked[0]?.aborted);
  await act(async () => engine.setConsent(true));
  assert.equal(asked.length, 2);
  await act(async () => mounted.unmount());
  assert.ok(asked[1]?.aborted);
  await engine.close();
});

test("Vue: useRounds takes part while the listener agrees and the scope is there, and tells how it stands", { skip }, async () => {
  const { engine, asked } = await withRounds();
  let rounds!: ReturnType<typeof useRoundsInVue>;
  const mounted = inVue(() => (rounds = useRoundsInVue(engine, { participate: true })));
  await until(() => rounds.privacy.value);
  assert.deepEqual([rounds.state.value?.phase, rounds.privacy.value?.left, asked.length], ["idle", 7, 0]);
  engine.setConsent(true);
  await until(() => asked[0]);
  engine.pause();
  await until(() => asked[0]?.aborted || undefined);
  engine.resume();
  await until(() => asked[1]);
  mounted.unmount();
  assert.ok(asked[1]?.aborted);
  await engine.close();
});
