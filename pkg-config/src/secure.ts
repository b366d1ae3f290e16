// Secure rounds, in one part of the package that is loaded on demand.

export { Party } from "./secure/party.js";
