// Showing who one is. In order of preference: an API key, a salted token, and, for servers older than both, the password itself.

import { md5 } from "js-md5";

/** What the listener gives. */
export type Secret = { readonly kind: "password"; readonly user: string; readonly password: string } | { readonly kind: "key"; readonly key: string };

/** What goes with every request; it is all that has to be kept to come back. */
export type Credentials =
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "token"; readonly user: string; readonly token: string; readonly salt: string }
  | { readonly kind: "plain"; readonly user: string; readonly password: string };

/** Salted: what is kept and sent is no password, and leads to none. */
export function tokenOf(user: string, password: string, salt: string): Credentials {
  return { kind: "token", user, token: md5(password + salt), salt };
}

/** Sixteen random hexadecimal digits; the API asks for six at least. */
export function freshSalt(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The request's parameters that show who one is. */
export function authParameters(credentials: Credentials): Record<string, string> {
  switch (credentials.kind) {
    case "key":
      return { apiKey: credentials.key };
    case "token":
      return { u: credentials.user, t: credentials.token, s: credentials.salt };
    case "plain":
      // Hexadecimal hides it from a glance, and from nothing else.
      return { u: credentials.user, p: `enc:${hex(credentials.password)}` };
  }
}

/** Whether a password may travel as it is: encrypted, or without leaving this machine. */
export function maySendPlain(server: URL): boolean {
  return server.protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(server.hostname);
}

function hex(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
