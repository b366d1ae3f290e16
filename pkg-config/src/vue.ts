/**
 * The engine as Vue composables. Rendering on a server is safe: nothing is opened there.
 *
 * They take any engine. {@link useSottovoce} opens that of `sottovoce`, or another one by its `open`; one that the page opened itself goes
 * straight into {@link useQueue} and the others, and stays the page's to close.
 *
 * @packageDocumentation
 */
import { onMounted, onScopeDispose, shallowRef, toValue, watch, type MaybeRefOrGetter, type Ref, type ShallowRef } from "vue";
import {
  Sottovoce, type ComponentOptions, type Consents, type EngineEvent, type Feedback, type Ledger, type Moment, type Privacy, type RecommendOptions,
  type RoundState, type SlotReason, type Song, type SongId, type Upload,
} from "./index.js";

/** What {@link useSottovoce} gives. */
export interface Opening {
  /** Undefined until it is open. */
  readonly engine: Readonly<ShallowRef<Sottovoce | undefined>>;
  readonly status: Readonly<Ref<"opening" | "open" | "failed">>;
  /** Why it failed. */
  readonly error: Readonly<ShallowRef<unknown>>;
}

/**
 * Opens an engine when the component is mounted, and closes it with it.
 *
 * ```ts
 * import { Sottovoce } from "sottovoce/full";
 * const { engine } = useSottovoce({ server: "https://music.example", open: Sottovoce.open });
 * ```
 */
export function useSottovoce(options: ComponentOptions = {}): Opening {
  const engine = shallowRef<Sottovoce>();
  const status = shallowRef<"opening" | "open" | "failed">("opening");
  const error = shallowRef<unknown>();
  const gone = new AbortController();
  onMounted(async () => {
    try {
      const { open = Sottovoce.open, ...asked } = options;
      const opened = await open({ ...asked, signal: asked.signal ? AbortSignal.any([gone.signal, asked.signal]) : gone.signal });
      if (gone.signal.aborted) return await opened.close();
      engine.value = opened;
      status.value = "open";
    } catch (problem) {
      if (gone.signal.aborted) return;
      error.value = problem;
      status.value = "failed";
    }
  });
  onScopeDispose(() => {
    gone.abort();
    void engine.value?.close();
    engine.value = undefined;
  });
  return { engine, status, error };
}

/** Calls `listener` on every event of that type. */
export function useEngineEvent<T extends EngineEvent["type"]>(
  engine: MaybeRefOrGetter<Sottovoce | undefined>, type: T, listener: (event: Extract<EngineEvent, { type: T }>) => void,
): void {
  watch(() => toValue(engine), (now, _, cleanUp) => cleanUp(now?.on(type, listener) ?? (() => {})), { immediate: true });
}

/** Songs to come, and what can be done with them. */
export interface Queue {
  readonly songs: Readonly<ShallowRef<readonly Song[]>>;
  /** Why each of them stands where it stands. */
  readonly reasons: Readonly<ShallowRef<readonly SlotReason[]>>;
  /** Tells the engine what came of a song; the queue follows. */
  readonly observe: (song: SongId, feedback: Feedback, shownAt?: number) => void;
  /** Takes the last event back. */
  readonly undo: () => void;
}

/** The next songs, ordered anew whenever something changes, the options included. */
export function useQueue(engine: MaybeRefOrGetter<Sottovoce | undefined>, options: MaybeRefOrGetter<RecommendOptions> = {}): Queue {
  const songs = shallowRef<readonly Song[]>([]);
  const reasons = shallowRef<readonly SlotReason[]>([]);
  const requeue = () => {
    const now = toValue(engine);
    const ids = now?.recommend(toValue(options)) ?? [];
    songs.value = ids.flatMap((id) => now?.songs.get(id) ?? []);
    reasons.value = now?.explain() ?? [];
  };
  watch([() => toValue(engine), () => toValue(options)], requeue, { immediate: true, deep: 1 });
  useEngineEvent(engine, "change", requeue);
  return {
    songs,
    reasons,
    observe: (song, feedback, shownAt = Date.now()) => {
      const slot = Math.max(0, songs.value.findIndex(({ id }) => id === song));
      void toValue(engine)?.observe({ song, slot, shownAt, feedback });
    },
    undo: () => void toValue(engine)?.undo(),
  };
}

/** What the listener agreed to, and a way to change it. */
export function useConsents(engine: MaybeRefOrGetter<Sottovoce | undefined>): {
  /** What was agreed to. */
  readonly consents: Readonly<ShallowRef<Consents | undefined>>;
  /** Changes it. */
  readonly setConsent: (given: Partial<Consents>) => void;
} {
  const consents = shallowRef<Consents>();
  watch(() => toValue(engine), (now) => (consents.value = now?.consents), { immediate: true });
  useEngineEvent(engine, "consent", (event) => (consents.value = event.consents));
  return { consents, setConsent: (given) => toValue(engine)?.setConsent(given) };
}

/** Everything that crossed the wire. */
export function useLedger(engine: MaybeRefOrGetter<Sottovoce | undefined>): Readonly<ShallowRef<Ledger | undefined>> {
  const ledger = shallowRef<Ledger>();
  watch(() => toValue(engine), (now) => (ledger.value = now?.ledger()), { immediate: true });
  useEngineEvent(engine, "ledger", () => (ledger.value = toValue(engine)?.ledger()));
  return ledger;
}

/** How secure rounds stand; each is undefined until it is known. */
export interface Rounds {
  readonly state: Readonly<ShallowRef<RoundState | undefined>>;
  readonly privacy: Readonly<ShallowRef<Privacy | undefined>>;
  /** What is about to leave, or has just left. */
  readonly upload: Readonly<ShallowRef<Upload | undefined>>;
  /** Why this device can take no part. */
  readonly error: Readonly<ShallowRef<unknown>>;
}

/**
 * Tells how secure rounds stand, for an engine of `sottovoce/full`. With `participate` it takes part in them, for as long as the scope is there
 * and the listener consents; the rest of the options are those of `engine.participate`.
 */
export function useRounds(
  engine: MaybeRefOrGetter<Sottovoce | undefined>, { participate = false, ...moment }: Moment & { readonly participate?: boolean } = {},
): Rounds {
  const state = shallowRef<RoundState>();
  const privacy = shallowRef<Privacy>();
  const upload = shallowRef<Upload>();
  const error = shallowRef<unknown>();
  const paused = shallowRef<boolean>();
  const tell = () => {
    const now = toValue(engine);
    state.value = now?.roundState();
    upload.value = now?.explainUpload();
    paused.value = now?.paused;
    // An engine that is closed meanwhile has nothing to tell.
    now?.privacy().then((told) => (privacy.value = told), () => {});
  };
  watch(() => toValue(engine), tell, { immediate: true });
  useEngineEvent(engine, "round", tell);
  useEngineEvent(engine, "change", ({ cause }) => cause === "delete" && tell());
  useEngineEvent(engine, "pause", (event) => (paused.value = event.paused));
  const { consents } = useConsents(engine);
  watch(
    () => [toValue(engine), participate && consents.value?.rounds && paused.value === false] as const,
    ([now, may], _, cleanUp) => {
      if (!now || !may) return;
      const gone = new AbortController();
      cleanUp(() => gone.abort());
      error.value = undefined;
      now.participate({ ...moment, signal: gone.signal }).catch((problem: unknown) => gone.signal.aborted || (error.value = problem));
    },
    { immediate: true },
  );
  return { state, privacy, upload, error };
}
