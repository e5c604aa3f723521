/**
 * The hot loop of the archive inspector: follows the length-prefixed chunks of one data block and sums a 64-bit hash of each
 * row of COPY text, or of each large object. Written in AssemblyScript, since per-byte work at a gigabyte a second is not
 * JavaScript's. State survives between calls, so chunks, rows and lengths may be cut anywhere.
 */

const windowBytes: i32 = 262144;
/** Eight spare bytes, since words are loaded whole at the end of the window. */
const windowStart: usize = memory.data(262144 + 16, 16);

const prime1: u64 = 0x9e3779b185ebca87;
const prime2: u64 = 0xc2b2ae3d27d4eb4f;
const prime3: u64 = 0x165667b19e3779f9;
const prime4: u64 = 0x85ebca77c2b2ae63;
const newlines: u64 = 0x0a0a0a0a0a0a0a0a;
const lowBits: u64 = 0x0101010101010101;
const highBits: u64 = 0x8080808080808080;
/** The two bytes of `\.`, which end COPY data. */
const endMarker: u64 = 0x2e5c;

export const needsMore: i32 = 0;
export const blockEnded: i32 = 1;
export const badLength: i32 = 2;
export const badEnd: i32 = 3;

let status: i32 = 0;
/** A block of large objects: `oid chunk* 0` until oid 0; else one table's `chunk* 0`. */
let hasObjects: bool = false;
let isInObject: bool = false;
/** Of the five bytes of a length: how many were read, the sign and the value so far. */
let lengthRead: i32 = 0;
let lengthSign: u32 = 0;
let lengthValue: u32 = 0;
let chunkLeft: u32 = 0;

let hash: u64 = prime4;
let word: u64 = 0;
let wordBytes: u32 = 0;
/** Of this row or large object, without what is still in `word`. */
let rowBytes: u64 = 0;
let hasEnded: bool = false;

/** Rows or large objects. */
let items: u64 = 0;
let bytes: u64 = 0;
let digest: u64 = 0;

export function windowAddress(): usize {
  return windowStart;
}

export function windowSize(): i32 {
  return windowBytes;
}

export function getStatus(): i32 {
  return status;
}

export function getItems(): f64 {
  return <f64>items;
}

export function getBytes(): f64 {
  return <f64>bytes;
}

export function getDigest(): u64 {
  return digest;
}

/** Before the data of each table, and before each block of large objects. */
export function startBlock(ofObjects: bool): void {
  status = needsMore;
  hasObjects = ofObjects;
  isInObject = false;
  lengthRead = 0;
  chunkLeft = 0;
  items = 0;
  bytes = 0;
  digest = 0;
  hasEnded = false;
  startItem();
}

/** Scans the first `size` bytes of the window; answers how many belong to this block, or at which an error was found. */
export function scan(size: i32): i32 {
  let at: usize = windowStart;
  const end: usize = windowStart + size;
  while (at < end && status == needsMore) {
    if (chunkLeft == 0) {
      readLengthByte(load<u8>(at));
      at += 1;
    } else {
      const part: u32 = min<u32>(chunkLeft, <u32>(end - at));
      chunkLeft -= part;
      at = hasObjects ? hashBytes(at, at + part) : scanRows(at, at + part);
    }
  }
  return <i32>(at - windowStart);
}

function readLengthByte(byte: u8): void {
  if (lengthRead == 0) {
    lengthSign = byte;
    lengthValue = 0;
  } else {
    lengthValue |= (<u32>byte) << ((lengthRead - 1) * 8);
  }
  lengthRead += 1;
  if (lengthRead < 5) {
    return;
  }
  lengthRead = 0;
  if (hasObjects && !isInObject) {
    takeOid();
  } else if (lengthSign != 0 || lengthValue > 0x7fffffff) {
    status = badLength;
  } else if (lengthValue != 0) {
    chunkLeft = lengthValue;
  } else if (hasObjects) {
    endItem();
    isInObject = false;
  } else {
    status = hasEnded && rowBytes == 0 && wordBytes == 0 ? blockEnded : badEnd;
  }
}

/** Oids above 2^31 are written as negative numbers. The oid is part of what is hashed: contents must not change places. */
function takeOid(): void {
  if (lengthValue != 0) {
    mix((<u64>lengthSign << 32) | <u64>lengthValue);
    isInObject = true;
  } else {
    status = lengthSign == 0 ? blockEnded : badLength;
  }
}

/** Answers where it stopped: at the end, or behind a row that must not be there. */
function scanRows(from: usize, to: usize): usize {
  let at = from;
  while (at < to && wordBytes != 0) {
    at = scanByte(at);
    if (status != needsMore) {
      return at;
    }
  }
  while (at < to) {
    const left: usize = to - at;
    let next: u64 = load<u64>(at);
    if (left < 8) {
      next &= (<u64>1 << (<u64>left << 3)) - 1;
    }
    const found: u64 = firstNewline(next);
    if (found != 0) {
      const before: u64 = ctz<u64>(found) >> 3;
      word = next & ((<u64>1 << (before << 3)) - 1);
      wordBytes = <u32>before;
      at += <usize>before + 1;
      endRow();
      if (status != needsMore) {
        return at;
      }
    } else if (left < 8) {
      word = next;
      wordBytes = <u32>left;
      at = to;
    } else {
      mix(next);
      rowBytes += 8;
      at += 8;
    }
  }
  return at;
}

function hashBytes(from: usize, to: usize): usize {
  let at = from;
  while (at < to && wordBytes != 0) {
    addByte(load<u8>(at));
    at += 1;
  }
  while (to - at >= 8) {
    mix(load<u64>(at));
    rowBytes += 8;
    at += 8;
  }
  while (at < to) {
    addByte(load<u8>(at));
    at += 1;
  }
  return at;
}

/** A bit in each byte that is a newline; only the lowest is exact, and only it is used. */
@inline
function firstNewline(next: u64): u64 {
  const difference: u64 = next ^ newlines;
  return (difference - lowBits) & ~difference & highBits;
}

function scanByte(at: usize): usize {
  const byte: u8 = load<u8>(at);
  if (byte == 0x0a) {
    endRow();
  } else {
    addByte(byte);
  }
  return at + 1;
}

function addByte(byte: u8): void {
  word |= (<u64>byte) << (<u64>wordBytes << 3);
  wordBytes += 1;
  if (wordBytes == 8) {
    mix(word);
    rowBytes += 8;
    word = 0;
    wordBytes = 0;
  }
}

@inline
function mix(next: u64): void {
  hash ^= rotl<u64>(next * prime2, 31) * prime1;
  hash = rotl<u64>(hash, 27) * prime1 + prime4;
}

function startItem(): void {
  hash = prime4;
  word = 0;
  wordBytes = 0;
  rowBytes = 0;
}

function endRow(): void {
  if (hasEnded) {
    // Behind the end marker pg_dump writes empty lines and nothing else.
    if (rowBytes != 0 || wordBytes != 0) {
      status = badEnd;
    }
    startItem();
  } else if (rowBytes == 0 && wordBytes == 2 && word == endMarker) {
    hasEnded = true;
    startItem();
  } else {
    bytes += 1;
    endItem();
  }
}

/** Adding up makes the digest one of the set of items, whatever their order. */
function endItem(): void {
  rowBytes += wordBytes;
  if (wordBytes != 0) {
    mix(word);
  }
  let final: u64 = hash ^ rowBytes;
  final = (final ^ (final >> 33)) * prime2;
  final = (final ^ (final >> 29)) * prime3;
  digest += final ^ (final >> 32);
  items += 1;
  bytes += rowBytes;
  startItem();
}
