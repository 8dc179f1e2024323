// What an act would do, from what this balancer's fleet thread knows now, in a sentence and in figures.

import type { FleetSight } from '../fleet-sight.js';
import { bareNameOf, poolOf } from '../host-id.js';
import { HOST_STATES, OWN_ALGORITHM } from '../model.js';
import type { SlotHost } from '../table/slots.js';
import type { Act } from './act-request.js';
import { FULL_LOAD, type HostPreview, type PreviewEffect, type PreviewHost, previewRemoval, previewReturn } from './preview.js';

/** What the act would do. */
export interface ActPreview {
  readonly text: string;
  readonly effects: readonly PreviewEffect[];
  /** Whether it is refused unless it is forced. */
  readonly needsForce: boolean;
  /** Whether clients would notice. */
  readonly isHurting: boolean;
}

/** The hosts of a pool as this balancer knows them. */
export type PoolSight = Pick<FleetSight, 'columns' | 'clock' | 'hosts' | 'order'>;

/** Says what the act would do. A host or pool that is not known has no effects. */
export function previewAct(sight: PoolSight, act: Act): ActPreview {
  switch (act.act) {
    case 'drain':
    case 'eject':
      return previewTakenOut(act.act, act.host, previewRemoval(poolHosts(sight, act.host), act.host));
    case 'undrain': {
      const { effects } = previewReturn(poolHosts(sight, act.host), act.host);
      return mild(`${act.host} gets requests again when it is well.`, effects);
    }
    case 'maintenance':
      if (!act.on) return mild(`The hosts of pool ${act.pool} get requests again.`);
      return { ...mild(`Every request to pool ${act.pool} is answered 503 by the balancers; its hosts get none.`), isHurting: true };
    case 'algorithm':
      return mild(
        act.algorithm === null
          ? `Each balancer picks hosts by its own --algorithm again (${OWN_ALGORITHM}).`
          : `Every balancer picks hosts by ${act.algorithm}, in the pools whose site names no algorithm.`,
      );
    case 'restart': {
      const isOnly = sight.order().length <= 1;
      const text = 'meercat up restarts its balancers one after the other; each finishes its requests first.';
      return { ...mild(isOnly ? `${text} There is one balancer only: meanwhile nobody serves.` : text), isHurting: isOnly };
    }
  }
}

function mild(text: string, effects: readonly PreviewEffect[] = []): ActPreview {
  return { text, effects, needsForce: false, isHurting: false };
}

function previewTakenOut(act: 'drain' | 'eject', host: string, { effects, isLast, highestLoad }: HostPreview): ActPreview {
  const what =
    act === 'drain'
      ? `${host} gets no new requests, and finishes those that it has.`
      : `${host} gets no new requests, and those that it has are ended.`;
  if (isLast) {
    const text = `${what} It is the last usable host of the pool ${poolOf(host)}: without it every request there is refused.`;
    return { text, effects, needsForce: true, isHurting: true };
  }
  const highest = effects.find(({ loadAfter }) => loadAfter !== null && loadAfter === highestLoad);
  const most = highest === undefined ? '' : ` ${bareNameOf(highest.host)} is then the busiest of the others: ${asPercents(highest)}.`;
  return { text: what + most, effects, needsForce: false, isHurting: act === 'eject' || (highestLoad ?? 0) >= FULL_LOAD };
}

function asPercents({ loadBefore, loadAfter }: PreviewEffect): string {
  return `${Math.round((loadBefore ?? 0) * 100)} → ${Math.round((loadAfter ?? 0) * 100)} %`;
}

/** The hosts of the pool that this host is in. */
function poolHosts(sight: PoolSight, id: string): PreviewHost[] {
  const pool = poolOf(id);
  return sight.hosts().flatMap((host) => (poolOf(host.name) === pool ? previewHost(sight, host) : []));
}

function previewHost({ columns, clock }: PoolSight, { slot, name }: SlotHost): PreviewHost {
  const isOut =
    HOST_STATES[columns.state[slot] as number] === 'down' ||
    columns.operator[slot] !== 0 ||
    (columns.ejectedUntil[slot] as number) > clock();
  return {
    name,
    isUsable: !isOut,
    cpu: known(columns.cpu[slot]),
    cores: known(columns.cores[slot]),
    capacity: known(columns.capacity[slot]),
    speed: known(columns.speed[slot]),
    inflight: (columns.inflight[slot] as number) + Math.max(0, known(columns.othersInflight[slot]) ?? 0),
  };
}

/** Unknown figures are NaN in the table. */
function known(figure: number | undefined): number | null {
  return figure === undefined || Number.isNaN(figure) ? null : figure;
}
