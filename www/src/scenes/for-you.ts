// What comes when nobody asks for anything: the whole catalogue, the engine's own settings.

import { LIST, type Scene } from "./scene.js";

export const forYou: Scene = {
  id: "for-you",
  name: "For you",
  hint: "Your taste, this session, and some variety",
  compose: () => ({ k: LIST, words: "" }),
};
