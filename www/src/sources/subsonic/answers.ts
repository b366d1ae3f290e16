// The answers of a Subsonic server that the player reads. Source: https://opensubsonic.netlify.app/docs/

/** A song ("Child") as servers tell it; what one leaves out is absent. */
export interface ServerSong {
  readonly id: string;
  readonly title: string;
  readonly artist?: string;
  readonly album?: string;
  readonly genre?: string;
  /** Seconds. */
  readonly duration?: number;
  readonly coverArt?: string;
  readonly starred?: string;
  readonly isDir?: boolean;
  readonly isVideo?: boolean;
  /** OpenSubsonic: more than one genre. */
  readonly genres?: readonly { readonly name: string }[];
}

/** An album of a list. */
export interface ServerAlbum {
  readonly id: string;
  readonly songCount?: number;
}

/** An OpenSubsonic extension. */
export interface Extension {
  readonly name: string;
  readonly versions: readonly number[];
}

/** The envelope of every answer. */
export interface Envelope {
  readonly status: "ok" | "failed";
  readonly version: string;
  readonly type?: string;
  readonly serverVersion?: string;
  readonly openSubsonic?: boolean;
  readonly error?: { readonly code: number; readonly message?: string };
  readonly openSubsonicExtensions?: readonly Extension[];
  readonly artists?: { readonly index?: readonly { readonly artist?: readonly { readonly albumCount?: number }[] }[] };
  readonly albumList2?: { readonly album?: readonly ServerAlbum[] };
  readonly album?: { readonly song?: readonly ServerSong[] };
  readonly searchResult3?: { readonly song?: readonly ServerSong[] };
  readonly starred2?: { readonly song?: readonly ServerSong[] };
  readonly similarSongs2?: { readonly song?: readonly ServerSong[] };
  readonly nowPlaying?: { readonly entry?: readonly ServerSong[] };
}
