import sottovoce = require("sottovoce");
import slim = require("sottovoce/slim");

export const open = (): Promise<sottovoce.Sottovoce> => sottovoce.Sottovoce.open({ store: sottovoce.memoryStore() });
export const small = (): slim.Recommender => new slim.Recommender();
