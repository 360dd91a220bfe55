import {D, because} from '../include/linux/decisions.ts';
import {file, type file_operations} from '../include/linux/fs.ts';
import {lock_page} from '../include/linux/lockdep.ts';
import type {Machine} from '../include/linux/machine.ts';
import {get_page, set_page_index, VM_FAULT_OOM, VM_FAULT_SIGBUS} from '../include/linux/mm.ts';
import type {vm_area_struct, vm_operations_struct} from '../include/linux/mm_types.ts';
import type {pfn_t, pgoff_t} from '../include/linux/types.ts';
import {alloc_page, put_page} from './page_alloc.ts';

// mm/filemap.c, the file system under a `file` row, which is as ramfs is, and files at all

/** Opens a file. */
export function openFile(m: Machine, f_op: file_operations, size: number): file {
	const opened = new file(m.next_file++, f_op, size);
	m.files.set(opened.id, opened);
	return opened;
}

/** One holder more. */
export function get_file(opened: file): file {
	opened.f_count++;
	return opened;
}

/** One holder less; with the last one the page cache goes, for no file here has a name. */
export function fput(m: Machine, held: file): void {
	if (--held.f_count !== 0) return;
	for (const page of held.i_pages.values()) put_page(m, page);
	held.i_pages.clear();
	m.files.delete(held.id);
}

/** Pages of a file, a part of one counted whole. */
export function filePages(m: Machine, of: file): pgoff_t {
	return Math.ceil(of.i_size / m.arch.PAGE_SIZE);
}

/** Adds a fresh, zeroed page to the page cache. @returns the page; 0 if there is no memory @source mm/filemap.c:add_to_page_cache() - I */
export function add_to_page_cache(m: Machine, to: file, pgoff: pgoff_t): pfn_t {
	const page = alloc_page(m);
	if (page === 0) return 0;
	m.mem_map.mapping[page] = to.id;
	set_page_index(m, page, pgoff);
	to.i_pages.set(pgoff, page);
	return page;
}

/**
 * Finds the page of an offset in the page cache, or reads it.
 *
 * @returns the page, locked and with a reference; -VM_FAULT_SIGBUS past the end of the file; -VM_FAULT_OOM
 * @source mm/filemap.c:filemap_fault() - K
 * @model The device has no readahead, as that of ramfs has none.
 */
export function filemap_fault(vma: vm_area_struct, pgoff: pgoff_t): number {
	const m = vma.vm_mm.machine, from = vma.vm_file!;
	if (pgoff >= filePages(m, from)) return because(m, D.fault_past_end_of_file, -VM_FAULT_SIGBUS);
	const page = from.i_pages.get(pgoff) ?? add_to_page_cache(m, from, pgoff);
	if (page === 0) return -VM_FAULT_OOM;
	get_page(m, page);
	lock_page(page);
	return page;
}

/**
 * Reads the pages of a range ahead of their use.
 *
 * @source mm/readahead.c:force_page_cache_readahead() - I
 * @model There is memory for it, or it ends where there is none.
 */
export function force_page_cache_readahead(m: Machine, from: file, offset: pgoff_t, nr_to_read: number): void {
	const end = Math.min(offset + Math.min(nr_to_read, m.rev.max_sane_readahead), filePages(m, from));
	for (let pgoff = offset; pgoff < end; pgoff++) {
		if (!from.i_pages.has(pgoff) && add_to_page_cache(m, from, pgoff) === 0) return;
	}
}

const generic_file_vm_ops: vm_operations_struct = {fault: filemap_fault, map_pages: true, page_mkwrite: true, remap_pages: true};

/** What a `file` row opens: a regular file on ramfs, whose holes are zeroes. @source fs/ramfs/inode.c:ramfs_get_inode() - K */
export const ramfs_file_operations: file_operations = {
	mmap(_file, vma) {
		vma.vm_ops = generic_file_vm_ops;
		return 0;
	},
	fsync: true,
	regular: true,
	punch_hole: null,
	swap_backed: false,
	readpage: true,
};
