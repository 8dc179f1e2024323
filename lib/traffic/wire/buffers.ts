// The memory that sockets read into and write from. All sockets of the thread read into the same memory, so that an idle
// connection has none and a small request makes no garbage; what the system does not take at once is copied before. A
// connection on which much comes gets memory of its own: what it read is written as it is, and as long as the system has
// not taken that, the next read goes elsewhere.

/** The shared memory and copies of it, in bytes: as much as most reads bring. */
const SIZE = 64 << 10;

/** A connection's own memory, in bytes: the larger it is, the fewer calls a long body takes; beyond this they hardly matter. */
const OWN_SIZE = 256 << 10;

/** A connection whose last read brought as much as this (bytes) reads into memory of its own next. */
const MUCH = SIZE / 2;

/** How many connections may have memory of their own: 32 MiB in all. Others go on with the shared one and copies. */
const MAX_OWN = 128;

/** How many copies are kept for the next time. */
const MAX_KEPT = 64;

/** Copies up to this size (bytes) come from Node's own pool. */
const SMALL = 4 << 10;

/** Pieces of memory of one size, used again and again. */
class Pool {
  readonly #size: number;
  readonly #maxUsed: number;
  readonly #free: Memory[] = [];
  #used = 0;

  constructor(size: number, maxUsed: number) {
    this.#size = size;
    this.#maxUsed = maxUsed;
  }

  /** Undefined when as many are in use as may be. */
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

/** A piece of memory. Nobody else gets it while a connection reads into it or a write of its bytes is on its way. */
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

  /** Whether a write of its bytes is on its way, besides the connection that reads into it. */
  get isWritten(): boolean {
    return this.#users > 1;
  }
}

const SHARED = Buffer.allocUnsafeSlow(SIZE);
const copies = new Pool(SIZE, Number.POSITIVE_INFINITY);
const owned = new Pool(OWN_SIZE, MAX_OWN);

/** The memory of the read whose bytes are being passed on now, when it is a connection's own. */
let present: Memory | undefined;

/** The reads of one connection. */
export class Reads {
  readonly #onBytes: (bytes: Buffer) => boolean;
  readonly #mayMove: boolean;
  #own: Memory | undefined;
  #hasMoved = false;

  /**
   * @param onBytes gets what was read, which is valid until it returns; gives whether more of the same is expected
   * @param mayMove whether the socket asks after each read where the next one goes
   */
  constructor(onBytes: (bytes: Buffer) => boolean, mayMove: boolean) {
    this.#onBytes = onBytes;
    this.#mayMove = mayMove;
  }

  /** Where the next read goes. */
  get memory(): Buffer {
    return this.#own?.bytes ?? SHARED;
  }

  /** Where the next read goes, when that is another place than that of the last; else undefined. */
  takeMoved(): Buffer | undefined {
    if (!this.#hasMoved) return undefined;
    this.#hasMoved = false;
    return this.memory;
  }

  /** A read has brought this many bytes. Only here may the memory change: the socket asks for it at no other moment. */
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

/** Where bytes can be written: a socket. */
interface Way {
  readonly writableLength: number;
  write(bytes: Buffer, onTaken?: () => void): boolean;
}

/**
 * Writes bytes that are valid until the call returns; gives whether there is room for more.
 * @param onTaken called when the system has taken them, or the way was destroyed
 */
export function writeBytes(way: Way, bytes: Buffer, onTaken?: () => void): boolean {
  if (present !== undefined && bytes.buffer === present.bytes.buffer) return writeHeld(present, way, bytes, onTaken);
  if (bytes.length <= SMALL || bytes.length > SIZE) return way.write(Buffer.from(bytes), onTaken);
  const copy = copies.take() as Memory;
  bytes.copy(copy.bytes);
  return writeHeld(copy, way, copy.bytes.subarray(0, bytes.length), onTaken);
}

/** Writes bytes of a piece of memory, which is not used for anything else until the system has taken them. */
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
  // Most are taken at once: the callback comes later all the same.
  if (way.writableLength === 0) release();
  return hasRoom;
}
