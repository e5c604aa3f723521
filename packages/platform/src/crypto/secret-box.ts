/** Wraps stored credentials with AES-256-GCM and derives the other keys from the one secret key. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { AppError } from '@holdfast/contracts/errors';

const version = 'v1';

export class SecretBox {
  readonly #secretKey: string;

  constructor(secretKey: string) {
    this.#secretKey = secretKey;
  }

  /** A 256-bit key for one purpose; keys of different purposes tell nothing of each other. */
  deriveKey(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#secretKey, 'holdfast', purpose, 32));
  }

  /** Six characters that are the same for every process with this key, and tell nothing of it. */
  get installation(): string {
    return this.deriveKey('installation').toString('hex').slice(0, 6);
  }

  /** @returns `v1:<nonce>:<tag>:<ciphertext>`, each in base64url; `context` must be given again to open it. */
  seal(plaintext: string, context: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.deriveKey('credentials'), nonce);
    cipher.setAAD(Buffer.from(context));
    const sealed = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
    return [version, nonce, cipher.getAuthTag(), sealed]
      .map((part) => (typeof part === 'string' ? part : part.toString('base64url')))
      .join(':');
  }

  /** @throws AppError INVALID_CONFIG when the key is another one or the text was changed. */
  open(sealedText: string, context: string): string {
    const [tagVersion, nonce, tag, sealed] = sealedText.split(':');
    try {
      if (tagVersion !== version || nonce === undefined || tag === undefined || sealed === undefined) {
        throw new Error('not in the v1 form');
      }
      const decipher = createDecipheriv(
        'aes-256-gcm',
        this.deriveKey('credentials'),
        Buffer.from(nonce, 'base64url'),
        { authTagLength: 16 },
      );
      decipher.setAAD(Buffer.from(context));
      decipher.setAuthTag(Buffer.from(tag, 'base64url'));
      return Buffer.concat([decipher.update(Buffer.from(sealed, 'base64url')), decipher.final()]).toString(
        'utf8',
      );
    } catch (error) {
      throw new AppError(
        'INVALID_CONFIG',
        `The stored credentials of ${context} cannot be opened with this HOLDFAST_SECRET_KEY.`,
        { cause: error },
      );
    }
  }

  /** HMAC-SHA256 in base64url. */
  sign(text: string, purpose: string): string {
    return createHmac('sha256', this.deriveKey(purpose)).update(text).digest('base64url');
  }

  isSignedBy(text: string, purpose: string, signature: string): boolean {
    const expected = Buffer.from(this.sign(text, purpose));
    const actual = Buffer.from(signature);
    return expected.length === actual.length && timingSafeEqual(expected, actual);
  }
}
