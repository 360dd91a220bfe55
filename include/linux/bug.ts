// include/linux/bug.h, and what else ends a row without an answer of a system call.

/** The kernel stops: BUG_ON, or an oops. The row's result is `BUG`, and nothing follows. */
export class KernelBug extends Error {
	override readonly name = 'KernelBug';
}

/** The trace needs a part of the kernel that the model leaves out. Whoever knows the row says which. */
export class NotModelledError extends Error {
	override readonly name = 'NotModelledError';
}

/** The trace asks for more page frames or page tables than the machine was given. */
export class OutOfFrames extends Error {
	override readonly name = 'OutOfFrames';
}

/** The model found itself wrong. */
export class ModelBug extends Error {
	override readonly name = 'ModelBug';
}

export function modelBug(what: string): never {
	throw new ModelBug(what);
}

export function notModelled(what: string): never {
	throw new NotModelledError(what);
}

export function outOfFrames(what: string): never {
	throw new OutOfFrames(what);
}

/** @param condition - as the kernel writes it, for the explanation */
export function BUG(condition: string): never {
	throw new KernelBug(condition);
}
