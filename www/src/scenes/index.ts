// All scenes, in the order of their buttons.

import { change } from "./change.js";
import { daily } from "./daily.js";
import { deeper } from "./deeper.js";
import { forYou } from "./for-you.js";
import { radio } from "./radio.js";
import { rediscover } from "./rediscover.js";
import type { Scene } from "./scene.js";

export const SCENES: readonly Scene[] = [forYou, daily, rediscover, change, radio, deeper];

/** The scene of this name; what comes when nobody asks, for a name that is none. */
export function sceneOf(id: string | undefined): Scene {
  return SCENES.find((scene) => scene.id === id) ?? forYou;
}
