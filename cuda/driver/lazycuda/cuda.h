/* The part of the CUDA driver's binary interface that gorgonia.org/cu v0.9.6 and package driver use, written
   from the facts of that interface (names, numbers, layouts, symbols), for 64-bit systems and gcc or clang.
   CU_CALLS below is also the list of symbols that stub.c forwards. */
#ifndef OWN_CUDA_H
#define OWN_CUDA_H
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h> /* cu calls free without asking for it */
#ifdef __cplusplus
extern "C" {
#endif

/* --- handles and scalars --- */
#define H(name, tag) typedef struct CU##tag##_st *CU##name;
H(context, ctx) H(module, mod) H(function, func) H(array, array) H(texref, texref) H(surfref, surfref)
H(event, event) H(stream, stream) H(linkState, linkState)
H(graph, graph) H(graphNode, graphNode) H(graphExec, graphExec)
#undef H
typedef unsigned long long CUdeviceptr;
typedef int CUdevice;
typedef uint32_t cuuint32_t;
typedef struct CUuuid_st { char bytes[16]; } CUuuid;
typedef void (*CUhostFn)(void *);

/* --- results: E(name) counts on from the entry before it, S(name, value) starts a run --- */
#define E(n) CUDA_ERROR_##n,
#define S(n, v) CUDA_ERROR_##n = v,
typedef enum {
  CUDA_SUCCESS, E(INVALID_VALUE) E(OUT_OF_MEMORY) E(NOT_INITIALIZED) E(DEINITIALIZED)
  E(PROFILER_DISABLED) E(PROFILER_NOT_INITIALIZED) E(PROFILER_ALREADY_STARTED) E(PROFILER_ALREADY_STOPPED)
  S(NO_DEVICE, 100) E(INVALID_DEVICE)
  S(INVALID_IMAGE, 200) E(INVALID_CONTEXT) E(CONTEXT_ALREADY_CURRENT)
  S(MAP_FAILED, 205) E(UNMAP_FAILED) E(ARRAY_IS_MAPPED) E(ALREADY_MAPPED) E(NO_BINARY_FOR_GPU)
  E(ALREADY_ACQUIRED) E(NOT_MAPPED) E(NOT_MAPPED_AS_ARRAY) E(NOT_MAPPED_AS_POINTER) E(ECC_UNCORRECTABLE)
  E(UNSUPPORTED_LIMIT) E(CONTEXT_ALREADY_IN_USE) E(PEER_ACCESS_UNSUPPORTED) E(INVALID_PTX)
  E(INVALID_GRAPHICS_CONTEXT) E(NVLINK_UNCORRECTABLE) E(JIT_COMPILER_NOT_FOUND)
  S(INVALID_SOURCE, 300) E(FILE_NOT_FOUND) E(SHARED_OBJECT_SYMBOL_NOT_FOUND) E(SHARED_OBJECT_INIT_FAILED)
  E(OPERATING_SYSTEM) S(INVALID_HANDLE, 400) E(ILLEGAL_STATE) S(NOT_FOUND, 500) S(NOT_READY, 600)
  S(ILLEGAL_ADDRESS, 700) E(LAUNCH_OUT_OF_RESOURCES) E(LAUNCH_TIMEOUT) E(LAUNCH_INCOMPATIBLE_TEXTURING)
  E(PEER_ACCESS_ALREADY_ENABLED) E(PEER_ACCESS_NOT_ENABLED)
  S(PRIMARY_CONTEXT_ACTIVE, 708) E(CONTEXT_IS_DESTROYED) E(ASSERT) E(TOO_MANY_PEERS)
  E(HOST_MEMORY_ALREADY_REGISTERED) E(HOST_MEMORY_NOT_REGISTERED) E(HARDWARE_STACK_ERROR)
  E(ILLEGAL_INSTRUCTION) E(MISALIGNED_ADDRESS) E(INVALID_ADDRESS_SPACE) E(INVALID_PC) E(LAUNCH_FAILED)
  E(COOPERATIVE_LAUNCH_TOO_LARGE)
  S(NOT_PERMITTED, 800) E(NOT_SUPPORTED) E(SYSTEM_NOT_READY) E(SYSTEM_DRIVER_MISMATCH)
  E(COMPAT_NOT_SUPPORTED_ON_DEVICE)
  S(STREAM_CAPTURE_UNSUPPORTED, 900) E(STREAM_CAPTURE_INVALIDATED) E(STREAM_CAPTURE_MERGE)
  E(STREAM_CAPTURE_UNMATCHED) E(STREAM_CAPTURE_UNJOINED) E(STREAM_CAPTURE_ISOLATION)
  E(STREAM_CAPTURE_IMPLICIT) E(CAPTURED_EVENT) E(STREAM_CAPTURE_WRONG_THREAD) E(TIMEOUT)
  E(GRAPH_EXEC_UPDATE_FAILURE) S(UNKNOWN, 999)
} CUresult;
#undef E
#undef S

/* --- device attributes: W, WH, WL .. are a limit's width, height, depth, layers in that order --- */
#define A(n) CU_DEVICE_ATTRIBUTE_##n,
#define IS(n, old) CU_DEVICE_ATTRIBUTE_##n = CU_DEVICE_ATTRIBUTE_##old,
#define XYZ(n) A(n##_X) A(n##_Y) A(n##_Z)
#define W(n) A(MAXIMUM_##n##_WIDTH)
#define WH(n) W(n) A(MAXIMUM_##n##_HEIGHT)
#define WHD(n) WH(n) A(MAXIMUM_##n##_DEPTH)
#define WL(n) W(n##_LAYERED) A(MAXIMUM_##n##_LAYERED_LAYERS)
#define WHL(n) WH(n##_LAYERED) A(MAXIMUM_##n##_LAYERED_LAYERS)
typedef enum {
  CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK = 1, XYZ(MAX_BLOCK_DIM) XYZ(MAX_GRID_DIM)
  A(MAX_SHARED_MEMORY_PER_BLOCK) A(TOTAL_CONSTANT_MEMORY) A(WARP_SIZE) A(MAX_PITCH)
  A(MAX_REGISTERS_PER_BLOCK) A(CLOCK_RATE) A(TEXTURE_ALIGNMENT) A(GPU_OVERLAP) A(MULTIPROCESSOR_COUNT)
  A(KERNEL_EXEC_TIMEOUT) A(INTEGRATED) A(CAN_MAP_HOST_MEMORY) A(COMPUTE_MODE)
  W(TEXTURE1D) WH(TEXTURE2D) WHD(TEXTURE3D) WHL(TEXTURE2D)
  A(SURFACE_ALIGNMENT) A(CONCURRENT_KERNELS) A(ECC_ENABLED) A(PCI_BUS_ID) A(PCI_DEVICE_ID) A(TCC_DRIVER)
  A(MEMORY_CLOCK_RATE) A(GLOBAL_MEMORY_BUS_WIDTH) A(L2_CACHE_SIZE) A(MAX_THREADS_PER_MULTIPROCESSOR)
  A(ASYNC_ENGINE_COUNT) A(UNIFIED_ADDRESSING) WL(TEXTURE1D) A(CAN_TEX2D_GATHER) WH(TEXTURE2D_GATHER)
  A(MAXIMUM_TEXTURE3D_WIDTH_ALTERNATE) A(MAXIMUM_TEXTURE3D_HEIGHT_ALTERNATE)
  A(MAXIMUM_TEXTURE3D_DEPTH_ALTERNATE) A(PCI_DOMAIN_ID) A(TEXTURE_PITCH_ALIGNMENT)
  W(TEXTURECUBEMAP) WL(TEXTURECUBEMAP)
  W(SURFACE1D) WH(SURFACE2D) WHD(SURFACE3D) WL(SURFACE1D) WHL(SURFACE2D) W(SURFACECUBEMAP) WL(SURFACECUBEMAP)
  W(TEXTURE1D_LINEAR) WH(TEXTURE2D_LINEAR) A(MAXIMUM_TEXTURE2D_LINEAR_PITCH) WH(TEXTURE2D_MIPMAPPED)
  A(COMPUTE_CAPABILITY_MAJOR) A(COMPUTE_CAPABILITY_MINOR) W(TEXTURE1D_MIPMAPPED)
  A(STREAM_PRIORITIES_SUPPORTED) A(GLOBAL_L1_CACHE_SUPPORTED) A(LOCAL_L1_CACHE_SUPPORTED)
  A(MAX_SHARED_MEMORY_PER_MULTIPROCESSOR) A(MAX_REGISTERS_PER_MULTIPROCESSOR) A(MANAGED_MEMORY)
  A(MULTI_GPU_BOARD) A(MULTI_GPU_BOARD_GROUP_ID) A(HOST_NATIVE_ATOMIC_SUPPORTED)
  A(SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO) A(PAGEABLE_MEMORY_ACCESS) A(CONCURRENT_MANAGED_ACCESS)
  A(COMPUTE_PREEMPTION_SUPPORTED) A(CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM)
  IS(SHARED_MEMORY_PER_BLOCK, MAX_SHARED_MEMORY_PER_BLOCK) IS(REGISTERS_PER_BLOCK, MAX_REGISTERS_PER_BLOCK)
  IS(MAXIMUM_TEXTURE2D_ARRAY_WIDTH, MAXIMUM_TEXTURE2D_LAYERED_WIDTH)
  IS(MAXIMUM_TEXTURE2D_ARRAY_HEIGHT, MAXIMUM_TEXTURE2D_LAYERED_HEIGHT)
  IS(MAXIMUM_TEXTURE2D_ARRAY_NUMSLICES, MAXIMUM_TEXTURE2D_LAYERED_LAYERS)
} CUdevice_attribute;
#undef A
#undef IS
#undef XYZ
#undef W
#undef WH
#undef WHD
#undef WL
#undef WHL

#define P(n) CU_DEVICE_P2P_ATTRIBUTE_##n
typedef enum { P(PERFORMANCE_RANK) = 1, P(ACCESS_SUPPORTED), P(NATIVE_ATOMIC_SUPPORTED) } CUdevice_P2PAttribute;
#undef P
#define P(n) CU_POINTER_ATTRIBUTE_##n
typedef enum { P(CONTEXT) = 1, P(MEMORY_TYPE), P(DEVICE_POINTER), P(HOST_POINTER), P(P2P_TOKENS),
  P(SYNC_MEMOPS), P(BUFFER_ID), P(IS_MANAGED) } CUpointer_attribute;
#undef P
#define P(n) CU_FUNC_ATTRIBUTE_##n
typedef enum { P(MAX_THREADS_PER_BLOCK), P(SHARED_SIZE_BYTES), P(CONST_SIZE_BYTES), P(LOCAL_SIZE_BYTES),
  P(NUM_REGS), P(PTX_VERSION), P(BINARY_VERSION), P(CACHE_MODE_CA), P(MAX_DYNAMIC_SHARED_SIZE_BYTES) } CUfunction_attribute;
#undef P
#define P(n) CU_FUNC_CACHE_PREFER_##n
typedef enum { P(NONE), P(SHARED), P(L1), P(EQUAL) } CUfunc_cache;
#undef P
#define P(n) CU_SHARED_MEM_CONFIG_##n##_BANK_SIZE
typedef enum { P(DEFAULT), P(FOUR_BYTE), P(EIGHT_BYTE) } CUsharedconfig;
#undef P
#define P(n) CU_LIMIT_##n
typedef enum { P(STACK_SIZE), P(PRINTF_FIFO_SIZE), P(MALLOC_HEAP_SIZE), P(DEV_RUNTIME_SYNC_DEPTH),
  P(DEV_RUNTIME_PENDING_LAUNCH_COUNT) } CUlimit;
#undef P

/* --- flag words --- */
#define P(n) CU_CTX_##n
typedef enum { P(SCHED_AUTO), P(SCHED_SPIN), P(SCHED_YIELD), P(SCHED_BLOCKING_SYNC) = 4, P(SCHED_MASK) = 7,
  P(MAP_HOST), P(LMEM_RESIZE_TO_MAX) = 16, P(FLAGS_MASK) = 31 } CUctx_flags;
#undef P
typedef enum { CU_STREAM_DEFAULT, CU_STREAM_NON_BLOCKING } CUstream_flags;
typedef enum { CU_EVENT_DEFAULT, CU_EVENT_BLOCKING_SYNC, CU_EVENT_DISABLE_TIMING, CU_EVENT_INTERPROCESS = 4 } CUevent_flags;
typedef enum { CU_MEM_ATTACH_GLOBAL = 1, CU_MEM_ATTACH_HOST, CU_MEM_ATTACH_SINGLE = 4 } CUmemAttach_flags;
typedef enum { CU_OCCUPANCY_DEFAULT, CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE } CUoccupancy_flags;

/* --- memory --- */
typedef enum { CU_MEMORYTYPE_HOST = 1, CU_MEMORYTYPE_DEVICE, CU_MEMORYTYPE_ARRAY, CU_MEMORYTYPE_UNIFIED } CUmemorytype;
#define P(n) CU_MEM_ADVISE_##n
typedef enum { P(SET_READ_MOSTLY) = 1, P(UNSET_READ_MOSTLY), P(SET_PREFERRED_LOCATION),
  P(UNSET_PREFERRED_LOCATION), P(SET_ACCESSED_BY), P(UNSET_ACCESSED_BY) } CUmem_advise;
#undef P
#define P(n) CU_AD_FORMAT_##n
typedef enum { P(UNSIGNED_INT8) = 1, P(UNSIGNED_INT16), P(UNSIGNED_INT32), P(SIGNED_INT8) = 8, P(SIGNED_INT16),
  P(SIGNED_INT32), P(HALF) = 16, P(FLOAT) = 32 } CUarray_format;
#undef P
typedef struct CUDA_ARRAY_DESCRIPTOR_st {
  size_t Width, Height; CUarray_format Format; unsigned NumChannels;
} CUDA_ARRAY_DESCRIPTOR;
typedef struct CUDA_ARRAY3D_DESCRIPTOR_st {
  size_t Width, Height, Depth; CUarray_format Format; unsigned NumChannels, Flags;
} CUDA_ARRAY3D_DESCRIPTOR;
#define AT(s, q) CUmemorytype s##MemoryType; q void *s##Host; CUdeviceptr s##Device; CUarray s##Array;
#define SIDE2(s, q) size_t s##XInBytes, s##Y; AT(s, q) size_t s##Pitch;
#define SIDE3(s, q, more) size_t s##XInBytes, s##Y, s##Z, s##LOD; AT(s, q) more; size_t s##Pitch, s##Height;
typedef struct CUDA_MEMCPY2D_st {
  SIDE2(src, const) SIDE2(dst, ) size_t WidthInBytes, Height;
} CUDA_MEMCPY2D;
typedef struct CUDA_MEMCPY3D_st {
  SIDE3(src, const, void *reserved0) SIDE3(dst, , void *reserved1) size_t WidthInBytes, Height, Depth;
} CUDA_MEMCPY3D;
typedef struct CUDA_MEMCPY3D_PEER_st {
  SIDE3(src, const, CUcontext srcContext) SIDE3(dst, , CUcontext dstContext) size_t WidthInBytes, Height, Depth;
} CUDA_MEMCPY3D_PEER;
#undef AT
#undef SIDE2
#undef SIDE3

/* --- textures --- */
#define P(n) CU_TR_ADDRESS_MODE_##n
typedef enum { P(WRAP), P(CLAMP), P(MIRROR), P(BORDER) } CUaddress_mode;
#undef P
typedef enum { CU_TR_FILTER_MODE_POINT, CU_TR_FILTER_MODE_LINEAR } CUfilter_mode;
#define CU_TRSF_READ_AS_INTEGER 1
#define CU_TRSF_NORMALIZED_COORDINATES 2

/* --- run-time linking of modules --- */
#define P(n) CU_JIT_##n
typedef enum { P(MAX_REGISTERS), P(THREADS_PER_BLOCK), P(WALL_TIME), P(INFO_LOG_BUFFER),
  P(INFO_LOG_BUFFER_SIZE_BYTES), P(ERROR_LOG_BUFFER), P(ERROR_LOG_BUFFER_SIZE_BYTES), P(OPTIMIZATION_LEVEL),
  P(TARGET_FROM_CUCONTEXT), P(TARGET), P(FALLBACK_STRATEGY), P(GENERATE_DEBUG_INFO), P(LOG_VERBOSE),
  P(GENERATE_LINE_INFO), P(CACHE_MODE) } CUjit_option;
typedef enum { P(INPUT_CUBIN), P(INPUT_PTX), P(INPUT_FATBINARY), P(INPUT_OBJECT), P(INPUT_LIBRARY) } CUjitInputType;
typedef enum { P(CACHE_OPTION_NONE), P(CACHE_OPTION_CG), P(CACHE_OPTION_CA) } CUjit_cacheMode;
#undef P
typedef enum { CU_PREFER_PTX, CU_PREFER_BINARY } CUjit_fallback;
#define P(n) CU_TARGET_COMPUTE_##n = n,
typedef enum { P(20) P(21) P(30) P(32) P(35) P(37) P(50) P(52) P(53) P(60) P(61) P(62) } CUjit_target;
#undef P

/* --- graph nodes --- */
typedef struct CUDA_KERNEL_NODE_PARAMS_st {
  CUfunction func; unsigned gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes;
  void **kernelParams, **extra;
} CUDA_KERNEL_NODE_PARAMS;
typedef struct CUDA_MEMSET_NODE_PARAMS_st {
  CUdeviceptr dst; size_t pitch; unsigned value, elementSize; size_t width, height;
} CUDA_MEMSET_NODE_PARAMS;
typedef struct CUDA_HOST_NODE_PARAMS_st { CUhostFn fn; void *userData; } CUDA_HOST_NODE_PARAMS;

/* --- calls: F(name in C, what the driver's symbol adds to it, argument types) --- */
#define CU_NODE CUgraphNode *, CUgraph, const CUgraphNode *, size_t
#define CU_JITS unsigned, CUjit_option *, void **
#define CU_CALLS(F) \
  F(cuDeviceGet, , (CUdevice *, int)) \
  F(cuDeviceGetName, , (char *, int, CUdevice)) \
  F(cuDeviceGetUuid, , (CUuuid *, CUdevice)) \
  F(cuDeviceTotalMem, _v2, (size_t *, CUdevice)) \
  F(cuDeviceGetAttribute, , (int *, CUdevice_attribute, CUdevice)) \
  F(cuDeviceGetP2PAttribute, , (int *, CUdevice_P2PAttribute, CUdevice, CUdevice)) \
  F(cuDeviceCanAccessPeer, , (int *, CUdevice, CUdevice)) \
  F(cuDevicePrimaryCtxRetain, , (CUcontext *, CUdevice)) \
  F(cuDevicePrimaryCtxRelease, _v2, (CUdevice)) \
  F(cuDevicePrimaryCtxReset, _v2, (CUdevice)) \
  F(cuDevicePrimaryCtxSetFlags, _v2, (CUdevice, unsigned)) \
  F(cuDevicePrimaryCtxGetState, , (CUdevice, unsigned *, int *)) \
  F(cuCtxCreate, _v2, (CUcontext *, unsigned, CUdevice)) \
  F(cuCtxDestroy, _v2, (CUcontext)) \
  F(cuCtxPushCurrent, _v2, (CUcontext)) \
  F(cuCtxPopCurrent, _v2, (CUcontext *)) \
  F(cuCtxSetCurrent, , (CUcontext)) \
  F(cuCtxGetCurrent, , (CUcontext *)) \
  F(cuCtxGetDevice, , (CUdevice *)) \
  F(cuCtxGetFlags, , (unsigned *)) \
  F(cuCtxGetApiVersion, , (CUcontext, unsigned *)) \
  F(cuCtxSynchronize, , (void)) \
  F(cuCtxSetLimit, , (CUlimit, size_t)) \
  F(cuCtxGetLimit, , (size_t *, CUlimit)) \
  F(cuCtxSetCacheConfig, , (CUfunc_cache)) \
  F(cuCtxGetCacheConfig, , (CUfunc_cache *)) \
  F(cuCtxSetSharedMemConfig, , (CUsharedconfig)) \
  F(cuCtxGetSharedMemConfig, , (CUsharedconfig *)) \
  F(cuCtxGetStreamPriorityRange, , (int *, int *)) \
  F(cuCtxResetPersistingL2Cache, , (void)) \
  F(cuCtxEnablePeerAccess, , (CUcontext, unsigned)) \
  F(cuCtxDisablePeerAccess, , (CUcontext)) \
  \
  F(cuModuleLoad, , (CUmodule *, const char *)) \
  F(cuModuleLoadData, , (CUmodule *, const void *)) \
  F(cuModuleLoadDataEx, , (CUmodule *, const void *, CU_JITS)) \
  F(cuModuleLoadFatBinary, , (CUmodule *, const void *)) \
  F(cuModuleUnload, , (CUmodule)) \
  F(cuModuleGetFunction, , (CUfunction *, CUmodule, const char *)) \
  F(cuModuleGetGlobal, _v2, (CUdeviceptr *, size_t *, CUmodule, const char *)) \
  F(cuModuleGetTexRef, , (CUtexref *, CUmodule, const char *)) \
  F(cuModuleGetSurfRef, , (CUsurfref *, CUmodule, const char *)) \
  F(cuLinkCreate, _v2, (CU_JITS, CUlinkState *)) \
  F(cuLinkAddData, _v2, (CUlinkState, CUjitInputType, void *, size_t, const char *, CU_JITS)) \
  F(cuLinkAddFile, _v2, (CUlinkState, CUjitInputType, const char *, CU_JITS)) \
  F(cuLinkComplete, , (CUlinkState, void **, size_t *)) \
  F(cuLinkDestroy, , (CUlinkState)) \
  \
  F(cuMemGetInfo, _v2, (size_t *, size_t *)) \
  F(cuMemAlloc, _v2, (CUdeviceptr *, size_t)) \
  F(cuMemAllocPitch, _v2, (CUdeviceptr *, size_t *, size_t, size_t, unsigned)) \
  F(cuMemAllocManaged, , (CUdeviceptr *, size_t, unsigned)) \
  F(cuMemFree, _v2, (CUdeviceptr)) \
  F(cuMemFreeHost, , (void *)) \
  F(cuMemGetAddressRange, _v2, (CUdeviceptr *, size_t *, CUdeviceptr)) \
  F(cuMemAdvise, , (CUdeviceptr, size_t, CUmem_advise, CUdevice)) \
  F(cuMemPrefetchAsync, , (CUdeviceptr, size_t, CUdevice, CUstream)) \
  F(cuPointerGetAttribute, , (void *, CUpointer_attribute, CUdeviceptr)) \
  F(cuPointerSetAttribute, , (const void *, CUpointer_attribute, CUdeviceptr)) \
  F(cuMemcpy, , (CUdeviceptr, CUdeviceptr, size_t)) \
  F(cuMemcpyAsync, , (CUdeviceptr, CUdeviceptr, size_t, CUstream)) \
  F(cuMemcpyPeer, , (CUdeviceptr, CUcontext, CUdeviceptr, CUcontext, size_t)) \
  F(cuMemcpyPeerAsync, , (CUdeviceptr, CUcontext, CUdeviceptr, CUcontext, size_t, CUstream)) \
  F(cuMemcpyHtoD, _v2, (CUdeviceptr, const void *, size_t)) \
  F(cuMemcpyHtoDAsync, _v2, (CUdeviceptr, const void *, size_t, CUstream)) \
  F(cuMemcpyDtoH, _v2, (void *, CUdeviceptr, size_t)) \
  F(cuMemcpyDtoHAsync, _v2, (void *, CUdeviceptr, size_t, CUstream)) \
  F(cuMemcpyDtoD, _v2, (CUdeviceptr, CUdeviceptr, size_t)) \
  F(cuMemcpyDtoDAsync, _v2, (CUdeviceptr, CUdeviceptr, size_t, CUstream)) \
  F(cuMemcpyDtoA, _v2, (CUarray, size_t, CUdeviceptr, size_t)) \
  F(cuMemcpyAtoD, _v2, (CUdeviceptr, CUarray, size_t, size_t)) \
  F(cuMemcpyHtoA, _v2, (CUarray, size_t, const void *, size_t)) \
  F(cuMemcpyHtoAAsync, _v2, (CUarray, size_t, const void *, size_t, CUstream)) \
  F(cuMemcpyAtoH, _v2, (void *, CUarray, size_t, size_t)) \
  F(cuMemcpyAtoHAsync, _v2, (void *, CUarray, size_t, size_t, CUstream)) \
  F(cuMemcpyAtoA, _v2, (CUarray, size_t, CUarray, size_t, size_t)) \
  F(cuMemcpy2D, _v2, (const CUDA_MEMCPY2D *)) \
  F(cuMemcpy2DUnaligned, _v2, (const CUDA_MEMCPY2D *)) \
  F(cuMemcpy2DAsync, _v2, (const CUDA_MEMCPY2D *, CUstream)) \
  F(cuMemcpy3D, _v2, (const CUDA_MEMCPY3D *)) \
  F(cuMemcpy3DAsync, _v2, (const CUDA_MEMCPY3D *, CUstream)) \
  F(cuMemcpy3DPeer, , (const CUDA_MEMCPY3D_PEER *)) \
  F(cuMemcpy3DPeerAsync, , (const CUDA_MEMCPY3D_PEER *, CUstream)) \
  F(cuMemsetD8, _v2, (CUdeviceptr, unsigned char, size_t)) \
  F(cuMemsetD8Async, , (CUdeviceptr, unsigned char, size_t, CUstream)) \
  F(cuMemsetD16, _v2, (CUdeviceptr, unsigned short, size_t)) \
  F(cuMemsetD16Async, , (CUdeviceptr, unsigned short, size_t, CUstream)) \
  F(cuMemsetD32, _v2, (CUdeviceptr, unsigned, size_t)) \
  F(cuMemsetD32Async, , (CUdeviceptr, unsigned, size_t, CUstream)) \
  F(cuMemsetD2D8, _v2, (CUdeviceptr, size_t, unsigned char, size_t, size_t)) \
  F(cuMemsetD2D8Async, , (CUdeviceptr, size_t, unsigned char, size_t, size_t, CUstream)) \
  F(cuMemsetD2D16, _v2, (CUdeviceptr, size_t, unsigned short, size_t, size_t)) \
  F(cuMemsetD2D16Async, , (CUdeviceptr, size_t, unsigned short, size_t, size_t, CUstream)) \
  F(cuMemsetD2D32, _v2, (CUdeviceptr, size_t, unsigned, size_t, size_t)) \
  F(cuMemsetD2D32Async, , (CUdeviceptr, size_t, unsigned, size_t, size_t, CUstream)) \
  F(cuArrayCreate, _v2, (CUarray *, const CUDA_ARRAY_DESCRIPTOR *)) \
  F(cuArrayGetDescriptor, _v2, (CUDA_ARRAY_DESCRIPTOR *, CUarray)) \
  F(cuArray3DCreate, _v2, (CUarray *, const CUDA_ARRAY3D_DESCRIPTOR *)) \
  F(cuArray3DGetDescriptor, _v2, (CUDA_ARRAY3D_DESCRIPTOR *, CUarray)) \
  F(cuArrayDestroy, , (CUarray)) \
  \
  F(cuStreamCreate, , (CUstream *, unsigned)) \
  F(cuStreamCreateWithPriority, , (CUstream *, unsigned, int)) \
  F(cuStreamDestroy, _v2, (CUstream)) \
  F(cuStreamGetFlags, , (CUstream, unsigned *)) \
  F(cuStreamGetPriority, , (CUstream, int *)) \
  F(cuStreamQuery, , (CUstream)) \
  F(cuStreamSynchronize, , (CUstream)) \
  F(cuStreamWaitEvent, , (CUstream, CUevent, unsigned)) \
  F(cuStreamWaitValue32, , (CUstream, CUdeviceptr, cuuint32_t, unsigned)) \
  F(cuStreamWriteValue32, , (CUstream, CUdeviceptr, cuuint32_t, unsigned)) \
  F(cuStreamAttachMemAsync, , (CUstream, CUdeviceptr, size_t, unsigned)) \
  F(cuEventCreate, , (CUevent *, unsigned)) \
  F(cuEventDestroy, _v2, (CUevent)) \
  F(cuEventRecord, , (CUevent, CUstream)) \
  F(cuEventQuery, , (CUevent)) \
  F(cuEventSynchronize, , (CUevent)) \
  F(cuEventElapsedTime, , (float *, CUevent, CUevent)) \
  \
  F(cuLaunchKernel, , (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, \
                       unsigned, CUstream, void **, void **)) \
  F(cuFuncGetAttribute, , (int *, CUfunction_attribute, CUfunction)) \
  F(cuFuncSetCacheConfig, , (CUfunction, CUfunc_cache)) \
  F(cuFuncSetSharedMemConfig, , (CUfunction, CUsharedconfig)) \
  F(cuOccupancyMaxActiveBlocksPerMultiprocessor, , (int *, CUfunction, int, size_t)) \
  F(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, , (int *, CUfunction, int, size_t, unsigned)) \
  \
  F(cuGraphCreate, , (CUgraph *, unsigned)) \
  F(cuGraphClone, , (CUgraph *, CUgraph)) \
  F(cuGraphDestroy, , (CUgraph)) \
  F(cuGraphDestroyNode, , (CUgraphNode)) \
  F(cuGraphExecDestroy, , (CUgraphExec)) \
  F(cuGraphGetEdges, , (CUgraph, CUgraphNode *, CUgraphNode *, size_t *)) \
  F(cuGraphAddDependencies, , (CUgraph, const CUgraphNode *, const CUgraphNode *, size_t)) \
  F(cuGraphAddEmptyNode, , (CU_NODE)) \
  F(cuGraphAddChildGraphNode, , (CU_NODE, CUgraph)) \
  F(cuGraphAddKernelNode, , (CU_NODE, const CUDA_KERNEL_NODE_PARAMS *)) \
  F(cuGraphAddMemcpyNode, , (CU_NODE, const CUDA_MEMCPY3D *, CUcontext)) \
  F(cuGraphAddMemsetNode, , (CU_NODE, const CUDA_MEMSET_NODE_PARAMS *, CUcontext)) \
  F(cuGraphAddHostNode, , (CU_NODE, const CUDA_HOST_NODE_PARAMS *)) \
  \
  F(cuTexRefSetArray, , (CUtexref, CUarray, unsigned)) \
  F(cuTexRefGetArray, , (CUarray *, CUtexref)) \
  F(cuTexRefSetAddress, _v2, (size_t *, CUtexref, CUdeviceptr, size_t)) \
  F(cuTexRefGetAddress, _v2, (CUdeviceptr *, CUtexref)) \
  F(cuTexRefSetAddress2D, _v3, (CUtexref, const CUDA_ARRAY_DESCRIPTOR *, CUdeviceptr, size_t)) \
  F(cuTexRefSetAddressMode, , (CUtexref, int, CUaddress_mode)) \
  F(cuTexRefGetAddressMode, , (CUaddress_mode *, CUtexref, int)) \
  F(cuTexRefSetFilterMode, , (CUtexref, CUfilter_mode)) \
  F(cuTexRefGetFilterMode, , (CUfilter_mode *, CUtexref)) \
  F(cuTexRefSetFormat, , (CUtexref, CUarray_format, int)) \
  F(cuTexRefGetFormat, , (CUarray_format *, int *, CUtexref)) \
  F(cuTexRefSetFlags, , (CUtexref, unsigned)) \
  F(cuTexRefGetFlags, , (unsigned *, CUtexref)) \
  F(cuTexRefSetBorderColor, , (CUtexref, float *)) \
  F(cuTexRefGetBorderColor, , (float *, CUtexref)) \
  F(cuTexRefSetMaxAnisotropy, , (CUtexref, unsigned)) \
  F(cuTexRefGetMaxAnisotropy, , (int *, CUtexref)) \
  F(cuTexRefSetMipmapFilterMode, , (CUtexref, CUfilter_mode)) \
  F(cuTexRefSetMipmapLevelBias, , (CUtexref, float)) \
  F(cuTexRefSetMipmapLevelClamp, , (CUtexref, float, float)) \
  F(cuSurfRefSetArray, , (CUsurfref, CUarray, unsigned)) \
  F(cuSurfRefGetArray, , (CUarray *, CUsurfref)) \
  \
  CU_DRIVER_CALLS(F)

/* Calls that cu lacks and package driver makes itself. */
#define CU_DRIVER_CALLS(F) \
  F(cuMemHostAlloc, , (void **, size_t, unsigned)) \
  F(cuFuncSetAttribute, , (CUfunction, CUfunction_attribute, int)) \
  F(cuStreamBeginCapture, _v2, (CUstream, int)) \
  F(cuStreamEndCapture, , (CUstream, CUgraph *)) \
  F(cuGraphInstantiateWithFlags, , (CUgraphExec *, CUgraph, unsigned long long)) \
  F(cuGraphInstantiate, _v2, (CUgraphExec *, CUgraph, CUgraphNode *, char *, size_t)) \
  F(cuGraphLaunch, , (CUgraphExec, CUstream))

/* These three stub.c answers itself when there is no driver. */
#define CU_OWN_CALLS(F) \
  F(cuInit, , (unsigned)) \
  F(cuDeviceGetCount, , (int *)) \
  F(cuDriverGetVersion, , (int *))

#define CU_DECLARE(name, more, args) CUresult name args __asm__(#name #more);
CU_OWN_CALLS(CU_DECLARE)
CU_CALLS(CU_DECLARE)
#undef CU_DECLARE

#ifdef __cplusplus
}
#endif
#endif
