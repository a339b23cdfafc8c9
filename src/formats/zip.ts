/** Reading ZIP archives (APPNOTE 6.3): stored and deflated entries, found through the central directory. No Zip64. */
import * as zlib from 'node:zlib';
import { messageOf, UserError } from '../errors';
import { readBytes } from './read';

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const MAX_COMMENT = 65535;
const [STORED, DEFLATED] = [0, 8];
/** Largest entry accepted, so that a small hostile archive cannot fill the memory. */
const MAX_ENTRY = 256 * 2 ** 20;

/** CRC-32 of every byte value (polynomial 0xEDB88320); zlib.crc32 needs Node 22. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) c = CRC_TABLE[(c ^ bytes[i]) & 0xff] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

/** Offset of the end record, searched from the back because a comment may follow it; −1 when there is none. */
function findEnd(zip: Buffer): number {
  for (let at = zip.length - END_BYTES; at >= Math.max(0, zip.length - END_BYTES - MAX_COMMENT); at--) {
    if (zip.readUInt32LE(at) === END) return at;
  }
  return -1;
}

/**
 * Reads one entry of an archive.
 * @param name full name inside the archive, e.g. `subjectivity/quote.tok.gt9.5000`.
 * @throws UserError when the archive is missing, broken, of an unsupported kind, or has no such entry.
 */
export function readZipEntry(path: string, name: string): Uint8Array {
  const zip = Buffer.from(readBytes(path, 'ZIP archive'));
  const bad = (what: string) => new UserError(`${path} is not a readable ZIP archive: ${what}. Fetch it again.`);
  const end = findEnd(zip);
  if (end < 0) throw bad('it has no end record');
  const names: string[] = [];
  try {
    let at = zip.readUInt32LE(end + 16);
    for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
      if (zip.readUInt32LE(at) !== CENTRAL) throw bad('its directory is broken');
      const nameEnd = at + 46 + zip.readUInt16LE(at + 28);
      const found = zip.toString('utf8', at + 46, nameEnd);
      if (found === name) return extract(zip, at, name, bad);
      names.push(found);
      at = nameEnd + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
    }
  } catch (error) {
    if (error instanceof RangeError) throw bad('it is truncated');
    throw error;
  }
  throw new UserError(`${path} has no entry ${JSON.stringify(name)}; it has ${names.join(', ') || 'none'}.`);
}

/** The content of the entry whose central record stands at `at`. */
function extract(zip: Buffer, at: number, name: string, bad: (what: string) => UserError): Uint8Array {
  const flags = zip.readUInt16LE(at + 8);
  const method = zip.readUInt16LE(at + 10);
  const crc = zip.readUInt32LE(at + 16);
  const packed = zip.readUInt32LE(at + 20);
  const size = zip.readUInt32LE(at + 24);
  const local = zip.readUInt32LE(at + 42);
  if (flags & 1) throw bad(`${name} is encrypted`);
  if (size > MAX_ENTRY) throw bad(`${name} is larger than ${MAX_ENTRY} bytes`);
  if (zip.readUInt32LE(local) !== LOCAL) throw bad(`${name} has no local header`);
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  if (start + packed > zip.length) throw bad('it is truncated');
  const data = zip.subarray(start, start + packed);
  let content: Uint8Array;
  if (method === STORED) content = data;
  else if (method === DEFLATED) {
    try {
      content = zlib.inflateRawSync(data, { maxOutputLength: Math.max(size, 1) });
    } catch (error) {
      throw bad(`${name} cannot be decompressed (${messageOf(error)})`);
    }
  } else throw bad(`${name} uses compression method ${method}; only stored and deflated are supported`);
  if (content.byteLength !== size || crc32(content) !== crc) throw bad(`${name} does not match its checksum`);
  return content;
}
