/** What a running cell tells its front end; the kernel turns these into Jupyter messages, the runner into outputs. */

/** Content by MIME type; text for everything except JSON types. */
export type MimeBundle = Record<string, unknown>;

export interface DisplayData {
  data: MimeBundle;
  metadata: Record<string, unknown>;
  /** Lets a later event replace this content in place. */
  transient?: { display_id?: string | undefined };
}

export interface CellError {
  ename: string;
  evalue: string;
  traceback: string[];
}

export type CellEvent =
  | { type: 'stream'; name: 'stdout' | 'stderr'; text: string }
  | { type: 'display'; content: DisplayData; update: boolean }
  | { type: 'result'; data: MimeBundle }
  | ({ type: 'error' } & CellError);
