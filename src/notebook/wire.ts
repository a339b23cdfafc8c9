/**
 * Messages of the Jupyter protocol on their sockets (jupyter-client, "The Wire Protocol"): identities, a delimiter, a
 * signature (HMAC-SHA256 of the four parts that follow), header, parent header, metadata, content, buffers.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const delimiter = Buffer.from('<IDS|MSG>');

export interface Header {
  version: string;
  date: string;
  session: string;
  username: string;
  msg_type: string;
  msg_id: string;
}

/** What a reply is sent on. */
export interface Sender {
  send(frames: (Buffer | string)[]): unknown;
}

const signatureOf = (key: string, parts: readonly (Buffer | string)[]): string => {
  const hash = createHmac('sha256', key);
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/** One message, in the shape that tslab's handlers work on. */
export class Message {
  readonly delim = '';
  readonly hmac = '';
  readonly extra: Buffer[] = [];

  constructor(
    public identity: Buffer[],
    public header: Header,
    public parent: Header,
    public metadata: object,
    public content: object,
  ) {}

  /** @throws Error when the frames are no message, or not signed with the key (an empty key signs nothing). */
  static parse(key: string, frames: readonly Buffer[]): Message {
    const at = frames.findIndex((frame) => frame.equals(delimiter));
    const [signature, ...parts] = frames.slice(at + 1);
    if (at < 0 || !signature || parts.length < 4) throw new Error('the frames are no message');
    if (key !== '') {
      const expected = Buffer.from(signatureOf(key, parts.slice(0, 4)));
      if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
        throw new Error('the message is not signed with the key of this kernel');
      }
    }
    const [header, parent, metadata, content] = parts.slice(0, 4).map((part) => JSON.parse(part.toString()));
    if (typeof header?.msg_type !== 'string') throw new Error('the header of the message has no msg_type');
    return new Message(frames.slice(0, at), header, parent, metadata, content ?? {});
  }

  createReply(): Message {
    const { session, username, msg_type } = this.header;
    const msg_id = randomBytes(16).toString('hex');
    const header = { version: '5.3', date: new Date().toISOString(), session, username, msg_type, msg_id };
    return new Message(this.identity, header, this.header, {}, {});
  }

  signAndSend(key: string, socket: Sender): void {
    const parts = [this.header, this.parent, this.metadata, this.content].map((part) => JSON.stringify(part));
    void socket.send([...this.identity, delimiter, key === '' ? '' : signatureOf(key, parts), ...parts]);
  }
}
