// The buffers that sockets read into and write from. All sockets of the thread share one read buffer, so an idle
// connection holds none and a small request makes no garbage; writes from it are copied first. A connection that
// transfers a lot gets a buffer of its own, which is written without a copy: until the system has taken those bytes,
// the next read goes to another buffer.

/** Size of the shared buffer and of copies, in bytes: enough for most reads. */
const SIZE = 64 << 10;

/** Size of a connection's own buffer, in bytes. Larger buffers mean fewer system calls for a long body; beyond this size the gain is small. */
const OWN_SIZE = 256 << 10;

/** A read of at least this many bytes gives the connection a buffer of its own for the next one. */
const MUCH = SIZE / 2;

/** Maximum connections with a buffer of their own: 32 MiB in all. The others go on with the shared buffer and copies. */
const MAX_OWN = 128;

/** Maximum free buffers that a pool keeps for reuse. */
const MAX_KEPT = 64;

/** Copies up to this size (bytes) come from Node's own pool. */
const SMALL = 4 << 10;

/** Reusable buffers of one size. */
class Pool {
  readonly #size: number;
  readonly #maxUsed: number;
  readonly #free: Memory[] = [];
  #used = 0;

  constructor(size: number, maxUsed: number) {
    this.#size = size;
    this.#maxUsed = maxUsed;
  }

  /** Undefined when the maximum is in use. */
  take(): Memory | undefined {
    if (this.#used >= this.#maxUsed) return undefined;
    this.#used++;
    return this.#free.pop() ?? new Memory(this.#size, this);
  }

  giveBack(memory: Memory): void {
    this.#used--;
    if (this.#free.length < MAX_KEPT) this.#free.push(memory);
  }
}

/** A reference-counted buffer. It returns to its pool once no connection reads into it and no write of its bytes is pending. */
class Memory {
  readonly bytes: Buffer;
  readonly #pool: Pool;
  #users = 0;

  constructor(size: number, pool: Pool) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.#pool = pool;
  }

  use(): void {
    this.#users++;
  }

  release(): void {
    this.#users--;
    if (this.#users === 0) this.#pool.giveBack(this);
  }

  /** Whether a write of its bytes is pending, besides the connection that reads into it. */
  get isWritten(): boolean {
    return this.#users > 1;
  }
}

const SHARED = Buffer.allocUnsafeSlow(SIZE);
const copies = new Pool(SIZE, Number.POSITIVE_INFINITY);
const owned = new Pool(OWN_SIZE, MAX_OWN);

/** The buffer of the read that is being handled now, if it is a connection's own. */
let present: Memory | undefined;

/** The reads of one connection. */
export class Reads {
  readonly #onBytes: (bytes: Buffer) => boolean;
  readonly #mayMove: boolean;
  #own: Memory | undefined;
  #hasMoved = false;

  /**
   * @param onBytes receives the bytes read, valid until it returns; returns whether more of the same is expected
   * @param mayMove whether the socket asks after each read for the buffer of the next one
   */
  constructor(onBytes: (bytes: Buffer) => boolean, mayMove: boolean) {
    this.#onBytes = onBytes;
    this.#mayMove = mayMove;
  }

  /** The buffer of the next read. */
  get memory(): Buffer {
    return this.#own?.bytes ?? SHARED;
  }

  /** The buffer of the next read if it has changed since the last one; else undefined. */
  takeMoved(): Buffer | undefined {
    if (!this.#hasMoved) return undefined;
    this.#hasMoved = false;
    return this.memory;
  }

  /** A read returned this many bytes. The buffer may change only here: the socket asks for it at no other time. */
  onRead(length: number): void {
    const own = this.#own;
    let isMoreExpected = false;
    present = own;
    try {
      isMoreExpected = this.#onBytes(this.memory.subarray(0, length));
    } finally {
      present = undefined;
      const needsOwn = isMoreExpected && length >= MUCH;
      if (this.#mayMove && (own === undefined ? needsOwn : !needsOwn || own.isWritten)) this.#moveTo(needsOwn ? owned.take() : undefined);
    }
  }

  /** The connection has closed. */
  end(): void {
    this.#moveTo(undefined);
  }

  #moveTo(memory: Memory | undefined): void {
    const own = this.#own;
    if (own === memory) return;
    this.#own = memory;
    this.#hasMoved = true;
    memory?.use();
    own?.release();
  }
}

/** The part of a socket that writes need. */
interface Way {
  readonly writableLength: number;
  write(bytes: Buffer, onTaken?: () => void): boolean;
}

/**
 * Writes bytes that are valid until the call returns; returns whether there is room for more.
 * @param onTaken called when the system has taken them, or the socket was destroyed
 */
export function writeBytes(way: Way, bytes: Buffer, onTaken?: () => void): boolean {
  if (present !== undefined && bytes.buffer === present.bytes.buffer) return writeHeld(present, way, bytes, onTaken);
  if (bytes.length <= SMALL || bytes.length > SIZE) return way.write(Buffer.from(bytes), onTaken);
  const copy = copies.take() as Memory;
  bytes.copy(copy.bytes);
  return writeHeld(copy, way, copy.bytes.subarray(0, bytes.length), onTaken);
}

/** Writes bytes of a buffer, and holds the buffer until the system has taken them. */
function writeHeld(memory: Memory, way: Way, bytes: Buffer, onTaken: (() => void) | undefined): boolean {
  let isHeld = true;
  memory.use();
  const release = (): void => {
    if (isHeld) memory.release();
    isHeld = false;
  };
  const hasRoom = way.write(bytes, () => {
    release();
    onTaken?.();
  });
  // Most writes are taken at once, although their callback runs later.
  if (way.writableLength === 0) release();
  return hasRoom;
}
