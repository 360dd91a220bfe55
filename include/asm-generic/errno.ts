// include/uapi/asm-generic/errno-base.h and errno.h, Linux 3.10 and 3.17: what mm answers. ERESTARTSYS: include/linux/errno.h.
export const EPERM = 1;
export const ENOENT = 2;
export const ESRCH = 3;
export const EINTR = 4;
export const EIO = 5;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const ENOSYS = 38;
export const EOVERFLOW = 75;
export const EOPNOTSUPP = 95;
export const ERESTARTSYS = 512;

/** Numbers by name, for reading and printing traces. */
export const errnos = {
	EPERM, ENOENT, ESRCH, EINTR, EIO, EBADF, EAGAIN, ENOMEM, EACCES, EFAULT, EBUSY, EEXIST, ENODEV, EINVAL, ENOSYS, EOVERFLOW, EOPNOTSUPP, ERESTARTSYS,
} as const;

const nameOf = new Map(Object.entries(errnos).map(([name, number]) => [number as number, name]));

/** `-EFAULT` for -14; the number itself where it has no name here. */
export function errnoName(error: number): string {
	const name = nameOf.get(-error);
	return name === undefined ? String(error) : `-${name}`;
}
