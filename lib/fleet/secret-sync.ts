// Which secrets sticky cookies are signed with: those derived from the fleet key or, without one, the secret that the
// balancers share through Redis. Invariant: a secret is used only once the whole fleet can know it, and stands in no log;
// what Redis loses is written back by whoever notices.

import type { Log } from '../log.js';
import { type Commands, reasonOf } from '../redis/connect.js';
import type { KeyRing } from '../redis/fleet-key.js';
import type { Keys } from '../redis/keys.js';
import { isSecret, newSecret, type SharedSecret, shareSecret } from '../redis/secret-store.js';
import type { Site } from '../site-model.js';
import type { FleetThreadData, FromFleet } from '../thread-messages.js';
import { oneAtATime } from './one-at-a-time.js';
import { SecretFile } from './secret-file.js';

/** What secrets are derived for. */
const PURPOSE = 'sticky cookies';

/** The dependencies of `SecretSync`. */
export interface SecretSyncOptions {
  readonly client: Commands;
  readonly keys: Keys;
  readonly ring: KeyRing;
  readonly log: Log;
  readonly post: (message: Extract<FromFleet, { readonly type: 'secrets' }>) => void;
  readonly isMaster: () => boolean;
  /** What the previous thread went by, if it died; '' for none. */
  readonly known: string;
  /** Undefined without --state-dir. */
  readonly file: SecretFile | undefined;
}

/** The sync of a fleet thread. */
export function openSecretSync(
  { config, secret }: Pick<FleetThreadData, 'config' | 'secret'>,
  parts: Omit<SecretSyncOptions, 'known' | 'file'>,
): SecretSync {
  const { stateDir } = config.site;
  return new SecretSync({
    ...parts,
    known: secret,
    file: stateDir === '' ? undefined : new SecretFile(stateDir, config.namespace, parts.log),
  });
}

/** The secrets of one balancer. */
export class SecretSync {
  /** Compares with Redis; call at each heartbeat. Never rejects. */
  readonly check: () => Promise<void>;
  readonly #options: SecretSyncOptions;
  /** The fleet's, as Redis or a file had it; '' while none is known. */
  #shared: string;
  /** The one before, which cookies may still be signed with. */
  #before = '';
  /** What is written where Redis has none. */
  #fresh = '';
  #isNeeded = false;
  #said: string | undefined;
  #trouble = '';

  constructor(options: SecretSyncOptions) {
    this.#options = options;
    const { known, file } = options;
    this.#shared = isSecret(known) ? known : (file?.read() ?? '');
    this.check = oneAtATime(() => this.#check());
    this.#tell();
  }

  /** Resolves when the secret is in its file, if there is one. */
  get saved(): Promise<void> {
    return this.#options.file?.saved ?? Promise.resolve();
  }

  /** The keys of the fleet were replaced. */
  onKeys(): void {
    this.#tell();
    void this.check();
  }

  /** Another site is in force: only sticky cookies, and rate limits with keys of clients, need a secret in Redis. */
  onSite(site: Site | null): void {
    this.#isNeeded =
      site !== null &&
      (site.pools.some(({ affinity }) => affinity?.kind === 'cookie') ||
        site.routes.some(({ rateLimit }) => rateLimit !== null && rateLimit.key.of !== 'route'));
    void this.check();
  }

  async #check(): Promise<void> {
    const { client, keys, ring, isMaster, log } = this.#options;
    // With a fleet key nothing that stands in Redis counts, except while the key is being introduced.
    if (!this.#isNeeded || !ring.acceptsUnsigned || client.status !== 'ready') return;
    try {
      if (this.#shared === '' && this.#fresh === '') this.#fresh = newSecret();
      this.#take(await shareSecret(client, keys, this.#shared === '' ? this.#fresh : this.#shared, isMaster()));
    } catch (error) {
      const reason = reasonOf(error);
      // A lost connection is logged already.
      if (reason !== this.#trouble && client.status === 'ready')
        log('warn', 'the secret of sticky cookies can’t be read from Redis, or not be written there', { key: keys.secret, reason });
      this.#trouble = reason;
    }
  }

  #take(found: SharedSecret): void {
    const { keys, log, file } = this.#options;
    const { kind } = found;
    if (kind === 'bad' || kind === 'replaced') {
      const message =
        kind === 'bad'
          ? 'Redis holds no secret of sticky cookies, but garbage'
          : 'the secret of sticky cookies was garbage: it was replaced';
      if (this.#trouble !== kind) log('warn', message, { key: keys.secret });
      this.#trouble = kind;
    } else this.#trouble = '';
    if (kind === 'bad' || found.secret === this.#shared) return;
    if (this.#shared !== '') log('info', 'sticky cookies are signed with another secret; those signed with the one before still count', {});
    this.#before = this.#shared;
    this.#shared = found.secret;
    void file?.save(found.secret);
    this.#tell();
  }

  /** Tells the thread that serves, if anything changed. */
  #tell(): void {
    const { ring, post } = this.#options;
    const shared = ring.acceptsUnsigned ? [this.#shared, this.#before].filter((secret) => secret !== '') : [];
    // While a fleet key is introduced, some balancers know only the shared one.
    const secrets = [...shared, ...ring.secretsFor(PURPOSE).map((secret) => secret.toString('hex'))];
    if (secrets.join() === this.#said) return;
    this.#said = secrets.join();
    post({ type: 'secrets', secrets, shared: this.#shared });
  }
}
