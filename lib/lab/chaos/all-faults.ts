// All faults of a chaos run, by name.

import type { Faults } from './faults.js';
import { BALANCER_FAULTS } from './faults-balancers.js';
import { AGENT_FAULTS, HOST_FAULTS } from './faults-hosts.js';
import { KEY_FAULTS } from './faults-keys.js';
import { LINK_FAULTS } from './faults-links.js';
import { MESSAGE_FAULTS } from './faults-messages.js';
import { REDIS_FAULTS } from './faults-redis.js';

/** Faults by name, in the order of the report. */
export const ALL_FAULTS: Faults = {
  ...BALANCER_FAULTS,
  ...REDIS_FAULTS,
  ...LINK_FAULTS,
  ...HOST_FAULTS,
  ...AGENT_FAULTS,
  ...MESSAGE_FAULTS,
  ...KEY_FAULTS,
};
