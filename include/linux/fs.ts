import type {Machine} from './machine.ts';
import type {vm_area_struct} from './mm_types.ts';
import type {errno_t, pfn_t, pgoff_t, ulong} from './types.ts';

// include/linux/fs.h: what mm asks of a file

/** What the file system or driver of a file does when mm asks. */
export interface file_operations {
	/** Sets up a mapping. @returns 0 or a negated errno */
	readonly mmap: (file: file, vma: vm_area_struct) => errno_t;
	/** There is something that msync can call. */
	readonly fsync: boolean;
	/** It is a regular file; otherwise a device. */
	readonly regular: boolean;
	/** fallocate() with FALLOC_FL_PUNCH_HOLE; null where the file system cannot. */
	readonly punch_hole: ((m: Machine, of: file, start: pgoff_t, end: pgoff_t) => void) | null;
	/** What is not mapped can be swapped out: tmpfs. */
	readonly swap_backed: boolean;
	/** There is a page cache that can be filled ahead. */
	readonly readpage: boolean;
}

/**
 * An open file, its inode and its page cache in one.
 *
 * @model A file is open for reading and writing, and open once: a descriptor of a trace and every mapping hold the same one.
 */
export class file {
	/** `page->mapping` of its pages holds this number. */
	readonly id: number;
	readonly f_op: file_operations;
	/** Bytes. */
	readonly i_size: ulong;
	/** The page cache, by page offset. Each page is held by it. */
	readonly i_pages = new Map<pgoff_t, pfn_t>();
	/** Descriptors and mappings that hold it. */
	f_count = 1;

	constructor(id: number, f_op: file_operations, i_size: ulong) {
		this.id = id;
		this.f_op = f_op;
		this.i_size = i_size;
	}
}
