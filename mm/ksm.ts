import {D, decide} from '../include/linux/decisions.ts';
import {lock_page_nested} from '../include/linux/lockdep.ts';
import type {Machine} from '../include/linux/machine.ts';
import {flags_clear, flags_or, flags_test, linear_page_index, page_index, PageAnon, SetPageDirty, VM_DONTEXPAND, VM_HUGETLB, VM_IO,
	VM_MAYSHARE, VM_MERGEABLE, VM_MIXEDMAP, VM_NONLINEAR, VM_PFNMAP, VM_SHARED} from '../include/linux/mm.ts';
import type {vm_area_struct} from '../include/linux/mm_types.ts';
import type {pfn_t, ulong, vm_flags_t} from '../include/linux/types.ts';
import {alloc_page, copy_user_highpage} from './page_alloc.ts';
import {page_anon_vma} from './rmap.ts';

/**
 * A page from the swap cache that belongs to another anon_vma tree, or to another index, is copied, since the rmap would not find it here.
 *
 * @param page - locked, in the swap cache
 * @returns the page to map: the same, or a locked copy that is not in the swap cache; 0 if there is no memory
 * @source mm/ksm.c:ksm_might_need_to_copy() - K
 * @model KSM pages come with their issue.
 */
export function ksm_might_need_to_copy(m: Machine, page: pfn_t, vma: vm_area_struct, address: ulong): pfn_t {
	if (!m.config.ksm || !PageAnon(m, page)) return page;
	if (page_anon_vma(m, page)?.root === vma.anon_vma?.root && page_index(m, page) === linear_page_index(vma, address)) return page;
	decide(m, D.swapped_page_copied);
	const copy = alloc_page(m);
	if (copy === 0) return 0;
	copy_user_highpage(m, copy, page);
	SetPageDirty(m, copy);
	lock_page_nested(copy);
	return copy;
}

/**
 * MADV_MERGEABLE and MADV_UNMERGEABLE: where nothing can be merged the advice is ignored.
 *
 * @returns the new flags
 * @source mm/ksm.c:ksm_madvise() - K
 * @model Nothing is merged yet, so there is nothing to unmerge.
 */
export function ksm_madvise(flags: vm_flags_t, mergeable: boolean): vm_flags_t {
	if (!mergeable) return flags_clear(flags, VM_MERGEABLE);
	const never = VM_SHARED | VM_MAYSHARE | VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_HUGETLB | VM_NONLINEAR | VM_MIXEDMAP;
	return flags_test(flags, never) ? flags : flags_or(flags, VM_MERGEABLE);
}
