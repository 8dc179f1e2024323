// The memory that sockets read into and write from. All sockets of the thread read into the same memory, so that an idle
// connection has none and a small request makes no garbage; what the system does not take at once is copied before. A
// connection on which much comes gets memory of its own: what it read is written as it is, and as long as the system has
// not taken that, the next read goes elsewhere.

/** As much as one read brings, in bytes. */
const SIZE = 64 << 10;

/** A connection whose last read brought as much as this reads into memory of its own next. */
const MUCH = SIZE / 2;

/** How many pieces of memory are kept for the next time. */
const MAX_KEPT = 64;

/** Copies up to this size (bytes) come from Node's own pool. */
const SMALL = 4 << 10;

/** A piece of memory of one connection. */
class Memory {
  readonly bytes = Buffer.allocUnsafeSlow(256 << 10);
  /** Whether a connection reads into it. */
  isReadInto = false;
  /** Writes of its bytes that the system has not taken. */
  writes = 0;
}

const kept: Memory[] = [];

function takeMemory(): Memory {
  return kept.pop() ?? new Memory();
}

function giveBackUnused(memory: Memory): void {
  if (!memory.isReadInto && memory.writes === 0 && kept.length < MAX_KEPT) kept.push(memory);
}

const SHARED = Buffer.allocUnsafeSlow(SIZE);

/** The memory of the read whose bytes are being passed on now, when it is a connection's own. */
let present: Memory | undefined;

/** The reads of one connection. */
export class Reads {
  readonly #onBytes: (bytes: Buffer) => void;
  readonly #mayMove: boolean;
  #own: Memory | undefined;
  #hasMoved = false;

  /**
   * @param onBytes gets what was read, which is valid until it returns
   * @param mayMove whether the socket asks after each read where the next one goes
   */
  constructor(onBytes: (bytes: Buffer) => void, mayMove: boolean) {
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

  /** A read has brought so many bytes. */
  onRead(length: number): void {
    const own = this.#own;
    present = own;
    try {
      this.#onBytes(this.memory.subarray(0, length));
    } finally {
      present = undefined;
      const isMuch = length >= MUCH;
      if (this.#mayMove && this.#own === own && (own === undefined ? isMuch : !isMuch || own.writes > 0)) this.#moveTo(isMuch ? takeMemory() : undefined);
    }
  }

  /** The connection has closed. */
  end(): void {
    this.#moveTo(undefined);
  }

  #moveTo(memory: Memory | undefined): void {
    const own = this.#own;
    this.#own = memory;
    this.#hasMoved = true;
    if (memory !== undefined) memory.isReadInto = true;
    if (own === undefined) return;
    own.isReadInto = false;
    giveBackUnused(own);
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
  const copy = takeMemory();
  bytes.copy(copy.bytes);
  return writeHeld(copy, way, copy.bytes.subarray(0, bytes.length), onTaken);
}

/** Writes bytes of a piece of memory, which is not used for anything else until the system has taken them. */
function writeHeld(memory: Memory, way: Way, bytes: Buffer, onTaken: (() => void) | undefined): boolean {
  let isHeld = true;
  memory.writes++;
  const release = (): void => {
    if (!isHeld) return;
    isHeld = false;
    memory.writes--;
    giveBackUnused(memory);
  };
  const hasRoom = way.write(bytes, () => {
    release();
    onTaken?.();
  });
  // Most are taken at once: the callback comes later all the same.
  if (way.writableLength === 0) release();
  return hasRoom;
}
