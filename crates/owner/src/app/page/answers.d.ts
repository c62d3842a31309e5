// What the app answers, for the type checker alone; not served. Times are Unix microseconds, but for
// a row's `when` and what a policy says (seconds).

/** What is asked for: a live view, or with times a recording. */
export type Wanted = { camera: string; track: number; from?: number; to?: number };

export type Gap = { from_us: number; to_us: number; reason: string };

/** What a socket of live or recorded video tells. */
export type Heard =
  | { event: "run"; codec: string }
  | { event: "segment"; epoch: number; sequence: number; start_us: number }
  | { event: "segment-verified"; sequence: number; duration_us: number }
  | ({ event: "gap" } & Gap)
  | { event: "policy-alarm"; epoch: number; expected: string; found: string }
  | { event: "refused"; sequence: number; reason: string }
  | { event: "ended" }
  | { event: "stopped" }
  | { event: "failed"; reason: string };

export type File = { url: string; path: string; bytes: number; from_us: number; to_us: number; sha256: string };

/** What an export tells. */
export type Exporting =
  | { event: "progress"; share: number }
  | { event: "ready"; files: File[]; gaps: Gap[] }
  | { event: "failed"; reason: string };

/** How a camera is, by its own signed word; since: Unix seconds, 0 where nobody says. */
export type Condition = {
  state: "filming" | "nothing-moves" | "resting" | "no-picture" | "not-stored" | "silent" | "offline";
  since: number;
  word: string;
  text: string;
  troubles: { kind: string; text: string }[];
  notes: string[];
};

/** A camera by the relay's word, but for its condition. */
export type CameraStatus = {
  camera_id: string;
  name: string;
  condition: Condition;
  paired_at: number;
  online: boolean;
  newest_us: number;
  bits_per_second: number | null;
  waiting: number;
  clock_offset_ms: number;
  clock_is_off: boolean;
  retired: boolean;
  to_do: string | null;
  replaced: number;
  conflicts: number;
  second: boolean;
  holders: Holders | null;
  settings: number | null;
};

/** Who can still open what a camera films. */
export type Holders = {
  camera: string;
  until_us: number;
  trustees: number;
  needed: number;
  holding: number;
  unread: number;
  read_at: number;
  without: { trustee: string; why: "not-dealt" | "destroyed" | "lost" | "not-logged" | "cannot-judge" }[];
};

export type Proof = {
  worth: "unchecked" | "fresh" | "stale" | "forked";
  head_size: number | null;
  witnesses: number;
  of_witnesses: number;
  age: number;
  checked: number;
  problem: string | null;
  unexpected: number;
  alarms: number;
  unreleasable: number;
};

export type Cameras = { now: number; cameras: CameraStatus[]; book: unknown[]; relay_problem: string | null; relay_heard: number; away?: string; proof: Proof };

/** A record of the log about own cameras. */
export type Row = {
  leaf_index: number;
  when: number;
  camera: string;
  track: number;
  kind: string;
  agency: string | null;
  epochs: [number, number] | null;
  grants: number;
  state: "asked" | "attempted" | "completed" | null;
  expected: boolean;
  reason: string | null;
  remarks: string[];
};

export type Report = { rows: Row[]; policy_alarms: string[]; unchecked: string[]; unreleasable: string[]; holders: Holders[]; holders_unknown: string[] };

/** A record, where its epochs lie. */
export type Release = Row & { from: number; to: number };

export type Hole = { from: number; to: number; reason: string; rests: boolean };

/** What is known of a stretch of a camera's past. */
export type Known = { from: number; to: number; recorded: [number, number][]; gaps: Hole[]; releases: Release[] };

/** Something moved; at: a moment whose picture shows it. */
export type Motion = { from: number; to: number; permille: number; at: number };

export type Policy = {
  name: string;
  version: number;
  leaf_index: number;
  since: number;
  retention_days: number;
  epoch_seconds: number;
  viewers: { device_id: string; is_this_device: boolean; role: string; until: number | null }[];
  trustees: string[];
  threshold: number;
  classes: string[];
  changes: { what: string; now: string; then: string }[];
  fault: string | null;
};
