import {EAGAIN, EINVAL} from '../include/asm-generic/errno.ts';
import {because, D} from '../include/linux/decisions.ts';
import type {file, file_operations} from '../include/linux/fs.ts';
import {flags_or, vma_flags, vma_pages, vma_set_flags, VM_DONTDUMP, VM_DONTEXPAND, VM_IO, VM_PAT, VM_PFNMAP} from '../include/linux/mm.ts';
import type {vm_area_struct, vm_operations_struct} from '../include/linux/mm_types.ts';
import type {errno_t} from '../include/linux/types.ts';
import {add_to_page_cache} from '../mm/filemap.ts';
import {remapPages} from '../mm/memory.ts';

// What a `chardev` row opens: a driver's memory, mapped as drivers/char/mem.c maps /dev/mem, which is what the recordings were made on.

/** Physical addresses that the recorder's machine could map, in pages: 46 bits of address. */
const MAX_PFN = 2 ** 34;

const mmap_mem_ops: vm_operations_struct = {fault: null, map_pages: false, page_mkwrite: false, remap_pages: false};

/**
 * Maps every page of the range at once, as raw frames that have no struct page.
 *
 * @returns 0; -EINVAL past the last frame; -EAGAIN if there is no memory for page tables
 * @source drivers/char/mem.c:mmap_mem(), mm/memory.c:remap_pfn_range() - K
 * @model The driver's memory is the frames of a page cache of its own, all zeroes until they are written.
 */
function mmap_mem(of: file, vma: vm_area_struct): errno_t {
	const {machine: m} = vma.vm_mm, pages = vma_pages(vma);
	if (vma.vm_pgoff + pages > MAX_PFN) return because(m, D.mmap_past_device, -EINVAL);
	vma.vm_ops = mmap_mem_ops;
	vma_set_flags(vma, flags_or(vma_flags(vma), VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_PAT));
	const done = remapPages(vma, i => of.i_pages.get(vma.vm_pgoff + i) ?? add_to_page_cache(m, of, vma.vm_pgoff + i));
	return done ? 0 : because(m, D.mmap_device_nomem, -EAGAIN);
}

export const mem_file_operations: file_operations = {mmap: mmap_mem, fsync: false, regular: false, punch_hole: null, swap_backed: false, readpage: false};
