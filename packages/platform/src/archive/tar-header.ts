/**
 * The header of a member of a tar, as pg_dump and we write it: ustar, plain files, short names. Not a library's, since archives are what
 * this product reads: faults are told with their offset, nothing but plain files passes, and no header makes memory grow.
 */

export interface TarMember {
  readonly name: string;
  readonly sizeBytes: number;
}

export const tarBlockBytes = 512;

/** Where each field stands, and how long it is. */
const fields = {
  name: [0, 100],
  mode: [100, 8],
  owner: [108, 8],
  group: [116, 8],
  size: [124, 12],
  modified: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
  prefix: [345, 155],
} as const;

type Field = keyof typeof fields;

const kinds: Readonly<Record<string, string>> = {
  '1': 'a link',
  '2': 'a symbolic link',
  '3': 'a device',
  '4': 'a device',
  '5': 'a folder',
  '6': 'a pipe',
};

/** The member, or a sentence that says what is wrong. */
export function decodeTarHeader(block: Buffer): TarMember | string {
  const checksum = octal(fieldOf(block, 'checksum'));
  if (checksum !== checksumOf(block)) {
    return 'the checksum of a header does not match';
  }
  if (!textOf(block, 'magic').startsWith('ustar')) {
    return 'this is no tar as pg_dump writes it';
  }
  const type = textOf(block, 'type');
  const name = textOf(block, 'name');
  if (type !== '' && type !== '0') {
    return `"${name}" is ${kinds[type] ?? `of the kind "${type}"`}, not a file`;
  }
  if (name === '' || textOf(block, 'prefix') !== '') {
    return 'a name is empty or longer than pg_dump writes any';
  }
  const sizeBytes = numberOf(fieldOf(block, 'size'));
  return sizeBytes === null ? `the size of "${name}" is no number` : { name, sizeBytes };
}

/** Nothing of the machine or the hour goes in: the same files give the same bytes. */
export function encodeTarHeader({ name, sizeBytes }: TarMember): Buffer {
  const block = Buffer.alloc(tarBlockBytes);
  const write = (field: Field, text: string): void => {
    block.write(text, fields[field][0], fields[field][1], 'latin1');
  };
  write('name', name);
  write('mode', '0000600');
  write('owner', '0000000');
  write('group', '0000000');
  writeSize(block, sizeBytes);
  write('modified', '00000000000');
  write('type', '0');
  write('magic', 'ustar\0' + '00');
  write('checksum', `${checksumOf(block).toString(8).padStart(6, '0')}\0 `);
  return block;
}

/** Octal up to 8 GiB; above it base 256, which GNU tar, BSD tar and pg_dump itself use. */
function writeSize(block: Buffer, sizeBytes: number): void {
  const [at, length] = fields.size;
  const digits = sizeBytes.toString(8);
  if (digits.length < length) {
    block.write(digits.padStart(length - 1, '0'), at, 'latin1');
  } else {
    block[at] = 0x80;
    block.writeBigUInt64BE(BigInt(sizeBytes), at + length - 8);
  }
}

/** The sum of all bytes, its own field taken as spaces. */
function checksumOf(block: Buffer): number {
  const [at, length] = fields.checksum;
  let sum = length * 0x20;
  for (let index = 0; index < tarBlockBytes; index += 1) {
    sum += index >= at && index < at + length ? 0 : (block[index] as number);
  }
  return sum;
}

function fieldOf(block: Buffer, field: Field): Buffer {
  const [at, length] = fields[field];
  return block.subarray(at, at + length);
}

function textOf(block: Buffer, field: Field): string {
  const bytes = fieldOf(block, field);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

function numberOf(bytes: Buffer): number | null {
  if (bytes[0] !== 0x80) {
    return octal(bytes);
  }
  const high = bytes.subarray(1, bytes.length - 8).every((byte) => byte === 0);
  const value = Number(bytes.readBigUInt64BE(bytes.length - 8));
  return high && Number.isSafeInteger(value) ? value : null;
}

function octal(bytes: Buffer): number | null {
  const match = /^ *([0-7]{1,12})[ \0]*$/.exec(bytes.toString('latin1'));
  return match === null ? null : Number.parseInt(match[1] as string, 8);
}
