// Creates the policy of an algorithm.

import type { Algorithm, PickTrace, Policy } from '../model.js';
import { Adaptive } from './adaptive.js';
import { LeastRequest } from './least-request.js';
import type { Random } from './random.js';
import { Resource } from './resource.js';
import { RoundRobin } from './round-robin.js';

/** Creates a policy of this algorithm; each balancer has its own, with its own random stream. `trace` receives every host considered. */
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
