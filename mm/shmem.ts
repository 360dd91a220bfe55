import type {file, file_operations} from '../include/linux/fs.ts';
import type {Machine} from '../include/linux/machine.ts';
import type {vm_area_struct, vm_operations_struct} from '../include/linux/mm_types.ts';
import type {pgoff_t} from '../include/linux/types.ts';
import {filemap_fault, openFile} from './filemap.ts';
import {unmap_mapping_range} from './memory.ts';
import {put_page} from './page_alloc.ts';

// mm/shmem.c: tmpfs, and the memory that MAP_SHARED|MAP_ANONYMOUS shares

/**
 * shmem_fault() answers as filemap_fault() does.
 *
 * @source mm/shmem.c:shmem_fault() - K
 * @model Reclaim takes anonymous pages only, so no page of tmpfs is ever swapped out; the file system is never full.
 */
const shmem_vm_ops: vm_operations_struct = {fault: filemap_fault, map_pages: true, page_mkwrite: false, remap_pages: true};

/** Frees the pages of a range, wherever they are mapped. @source mm/shmem.c:shmem_fallocate() with FALLOC_FL_PUNCH_HOLE - I */
function punch_hole(m: Machine, of: file, start: pgoff_t, end: pgoff_t): void {
	unmap_mapping_range(m, of, start, end);
	for (const [pgoff, page] of [...of.i_pages]) {
		if (pgoff < start || pgoff >= end) continue;
		of.i_pages.delete(pgoff);
		put_page(m, page);
	}
}

/** What a `shm` row opens: a file on tmpfs. */
export const shmem_file_operations: file_operations = {
	mmap(_file, vma) {
		vma.vm_ops = shmem_vm_ops;
		return 0;
	},
	fsync: true,
	regular: true,
	punch_hole,
	swap_backed: true,
	readpage: false,
};

/** Gives a shared anonymous mapping a file of its own, as long as it is now. @source mm/shmem.c:shmem_zero_setup() - K */
export function shmem_zero_setup(vma: vm_area_struct): void {
	vma.vm_file = openFile(vma.vm_mm.machine, shmem_file_operations, vma.vm_end - vma.vm_start);
	vma.vm_ops = shmem_vm_ops;
}
