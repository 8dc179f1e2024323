// From an algorithm's name to the policy that does it.

import type { Algorithm, PickTrace, Policy } from '../model.js';
import { Adaptive } from './adaptive.js';
import { LeastRequest } from './least-request.js';
import type { Random } from './random.js';
import { Resource } from './resource.js';
import { RoundRobin } from './round-robin.js';

/** A new policy of this algorithm; each balancer has its own, with its own stream of random numbers. It tells `trace` what it looks at. */
export function createPolicy(algorithm: Algorithm, random: Random, trace?: PickTrace): Policy {
  switch (algorithm) {
    case 'adaptive':
      return new Adaptive(random, trace);
    case 'least-request':
      return new LeastRequest(random, trace);
    case 'round-robin':
      return new RoundRobin(random, trace);
    case 'resource':
      return new Resource(random, trace);
  }
}
