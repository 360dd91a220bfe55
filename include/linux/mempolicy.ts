import {mempolicy as names} from '../asm-generic/mman-common.ts';

// include/linux/mempolicy.h and include/linux/numa.h

/** Nodes that have memory: 0, where every task runs, and 1. */
export const NR_NODES = 2;
/** Nodes that the kernel has room for: 1 << NODES_SHIFT. */
export const MAX_NUMNODES = 64;
/** No node: an empty mask. */
export const NUMA_NO_NODE = -1;

export const {MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE, MPOL_LOCAL, MPOL_MF_STRICT, MPOL_MF_MOVE, MPOL_MF_MOVE_ALL,
	MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES} = names;
/** One past the last mode. */
export const MPOL_MAX = 5;
export const MPOL_MODE_FLAGS = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES;
export const MPOL_MF_VALID = MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL;

/**
 * Where the pages of a vma come from.
 *
 * @model A trace names one node where the kernel takes a mask, so a policy has one node. A policy that is set is never changed, so copies share it.
 */
export interface mempolicy {
	/** MPOL_PREFERRED, MPOL_BIND or MPOL_INTERLEAVE. */
	readonly mode: number;
	/** MPOL_F_*_NODES. */
	readonly flags: number;
	/** NUMA_NO_NODE is the node where the task runs: MPOL_F_LOCAL. */
	readonly node: number;
	/** The node as it was asked for, where a flag says that it counts. */
	readonly user_node: number;
}

/**
 * @source mm/mempolicy.c:__mpol_equal() - I
 * @model Of two local policies the kernel compares a field that neither has set; here they are equal.
 */
export function mpol_equal(a: mempolicy | null, b: mempolicy | null): boolean {
	if (a === b) return true;
	if (a === null || b === null || a.mode !== b.mode || a.flags !== b.flags) return false;
	return a.user_node === b.user_node && a.node === b.node;
}
