import type {vm_area_struct} from './mm_types.ts';
import {RangeList} from './range_list.ts';

// include/linux/rmap.h

/**
 * What leads from a page to the vmas that may map it.
 *
 * @model The rwsem lives in the root as in the kernel, and only lockdep looks at it. An id is never given again while the machine lives: the kernel's slab may
 * give a dead anon_vma's memory to a new one, which an unmapped page of the swap cache can then take for its own; the model never does.
 */
export class anon_vma {
	/** `page->mapping` holds this number. */
	readonly id: number;
	root: anon_vma;
	refcount = 1;
	/** The vmas by their first page offset; ties in the order of their linking, as in the kernel's interval tree. */
	readonly rb_root = new RangeList<anon_vma_chain>();
	/** The longest vma that was ever linked, in pages: how far before an offset a vma that spans it may begin. */
	longest = 0;
	/** A name of a recording is bound to it. */
	named = false;

	constructor(id: number) {
		this.id = id;
		this.root = this;
	}
}

/** The link between a vma and an anon_vma. */
export class anon_vma_chain {
	readonly vma: vm_area_struct;
	readonly anon_vma: anon_vma;
	/** The key under which it stands in the tree: the vma's vm_pgoff when it was put there. */
	pgoff = 0;

	constructor(vma: vm_area_struct, av: anon_vma) {
		this.vma = vma;
		this.anon_vma = av;
	}
}

/** What rmap_walk() callbacks return. */
export const SWAP_SUCCESS = 0;
export const SWAP_AGAIN = 1;
export const SWAP_FAIL = 2;
export const SWAP_MLOCK = 3;

// enum ttu_flags
export const TTU_UNMAP = 1;
export const TTU_MIGRATION = 2;
export const TTU_MUNLOCK = 4;
export const TTU_IGNORE_MLOCK = 1 << 8;
export const TTU_IGNORE_ACCESS = 1 << 9;
