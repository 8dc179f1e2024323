// The keys of a chaos run: files for balancers and the real agent, and signers for what the run itself says as agents and
// as an operator. All of them change together, as on machines that get a file.

import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentKeysOf, KeyRing, newFleetKey, type SenderRole } from '../../redis/fleet-key.js';
import { MessageSigner } from '../../redis/sign.js';
import { createRunFolder } from '../../run-folder.js';
import type { Shutdown } from '../../shutdown.js';

/** The name that the run's operator signs with. */
const OPERATOR = 'chaos';

/** All keys of one fleet. */
export class FleetKeys {
  /** The key file of the balancers. */
  readonly fleetFile: string;
  readonly operator: MessageSigner;
  readonly #dir: string;
  readonly #ring = new KeyRing();
  readonly #agents = new Map<string, { readonly ring: KeyRing; readonly signer: MessageSigner }>();
  #fleetKeys: readonly string[] = [newFleetKey()];

  /** @param hosts each gets an agent's key of its own */
  constructor(hosts: readonly string[], shutdown: Shutdown) {
    const folder = createRunFolder('chaos-keys');
    this.#dir = folder.path;
    shutdown.add(() => folder.remove());
    this.fleetFile = join(this.#dir, 'fleet.key');
    this.operator = new MessageSigner(this.#ring, OPERATOR);
    for (const host of hosts) {
      const ring = new KeyRing();
      this.#agents.set(host, { ring, signer: new MessageSigner(ring, host) });
    }
    this.useInFleet(this.#fleetKeys);
    this.useInAgents();
  }

  /** The public ids of the keys in force, the signing one first. */
  get ids(): readonly string[] {
    return this.#ring.ids;
  }

  /** The keys in force, the signing one first. */
  get fleetKeys(): readonly string[] {
    return this.#fleetKeys;
  }

  /** Signs as the agent of this host. */
  agentOf(host: string): MessageSigner | undefined {
    return this.#agents.get(host)?.signer;
  }

  /** The key file of this host's agent. */
  agentFile(host: string): string {
    return join(this.#dir, `${host}.key`);
  }

  /** A file with a fleet key that this fleet does not have. */
  strangersFile(): string {
    const file = join(this.#dir, 'stranger.key');
    put(file, newFleetKey());
    return file;
  }

  /** Changes the keys of balancers and operators; balancers read their file when told, or within two seconds. */
  useInFleet(fleetKeys: readonly string[]): void {
    this.#fleetKeys = fleetKeys;
    const text = fleetKeys.join('\n');
    put(this.fleetFile, text);
    this.#ring.replace('the run', text, ['fleet']);
  }

  /** Gives all agents keys that are derived from the present ones. */
  useInAgents(): void {
    const text = this.#fleetKeys.join('\n');
    for (const [host, { ring }] of this.#agents) {
      const own = agentKeysOf('the run', text, host).join('\n');
      put(this.agentFile(host), own);
      ring.replace('the run', own, ['agent']);
    }
  }

  /** Signs as anybody in any role: with the fleet's key, or with one that the fleet does not have. */
  forger(name: string, role: SenderRole, isStranger: boolean): MessageSigner {
    const text = isStranger ? newFleetKey() : this.#fleetKeys.join('\n');
    const own = role === 'agent' ? agentKeysOf('the run', text, name).join('\n') : text;
    return new MessageSigner(new KeyRing('the run', own, ['fleet', 'agent']), name);
  }
}

/** A file is never read half written. */
function put(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
