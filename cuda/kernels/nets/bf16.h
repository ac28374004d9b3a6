// Matrix products with factors rounded to bfloat16, to nearest even, and sums in float32, for convolutions: on tiles (AMX),
// on vectors (AVX512-BF16), or in plain C, which rounds alike and is for tests. The second factor lies in pairs: columns
// by 32, then [k/2][32][2], so that both instructions read it as it lies. A factor's rows are contiguous at any stride.
//
// Rounded rows of a window are [halo + time + halo][stride]: zeros around the sequence are what a causal convolution and
// its gradient read past its ends, so that no row is special. At dilation 1 a row's taps are one run of memory.
#include "nets.h"
#include "vec.h"

enum { COLUMNS = 32, BLOCK = 32 }; // columns of packed factors; rows of a product's block
typedef uint16_t bf16;

// round_rows rounds x [rows][channels] into rows at a stride, zeros behind; round_pairs up to 32 columns of x [rows][ld].
#if VBYTES == 64
FN __m512i round_vector(const float *x, __mmask16 m) {
  return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(m, x)));
}
FN __mmask16 first(int n) { return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1); }

static void round_rows(const float *x, int rows, int channels, int64_t stride, bf16 *out) {
  for (int r = 0; r < rows; r++, x += channels, out += stride)
    for (int c = 0; c < stride; c += 16)
      _mm256_mask_storeu_epi16(out + c, first(stride - c), _mm512_cvtepi32_epi16(round_vector(x + c, first(channels - c))));
}

static void round_pairs(const float *x, int64_t ld, int rows, int columns, bf16 *out) {
  for (int r = 0; r < rows; r += 2, x += 2 * ld, out += 2 * COLUMNS)
    for (int c = 0; c < COLUMNS; c += 16) {
      __mmask16 m = first(columns - c);
      __m512i even = round_vector(x + c, m), odd = round_vector(x + ld + c, r + 1 < rows ? m : 0);
      _mm512_storeu_si512(out + 2 * c, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
    }
}

// out[i*ld + j] = x[j*16*across + i] for i < across*16, of 32-bit numbers; j < down*16.
FN void transpose(const int32_t *x, int down, int across, int32_t *out, int64_t ld) {
  const __m512i at = _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                        _mm512_set1_epi32(16 * across));
  for (int i = 0; i < 16 * across; i++)
    for (int j = 0; j < down; j++)
      _mm512_storeu_si512(out + i * ld + 16 * j, _mm512_i32gather_epi32(at, x + 256 * across * j + i, 4));
}
#else
FN bf16 round_bf16(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  if ((u & 0x7fffffff) > 0x7f800000) return u >> 16 | 0x40;   // NaN stays
  if (!(u & 0x7f800000)) return u >> 16 & 0x8000;             // denormals are zero, as in the instructions
  return (u + 0x7fff + (u >> 16 & 1)) >> 16;
}

static void round_rows(const float *x, int rows, int channels, int64_t stride, bf16 *out) {
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < stride; c++) out[r * stride + c] = c < channels ? round_bf16(x[(int64_t)r * channels + c]) : 0;
}

static void round_pairs(const float *x, int64_t ld, int rows, int columns, bf16 *out) {
  for (int r = 0; r < (rows + 1) / 2 * 2; r++)
    for (int c = 0; c < COLUMNS; c++)
      out[(r / 2 * COLUMNS + c) * 2 + r % 2] = r < rows && c < columns ? round_bf16(x[r * ld + c]) : 0;
}

FN void transpose(const int32_t *x, int down, int across, int32_t *out, int64_t ld) {
  for (int i = 0; i < 16 * across; i++)
    for (int j = 0; j < 16 * down; j++) out[i * ld + j] = x[j * 16 * across + i];
}
#endif

// Up to 32 columns of x [rows][ld], each as a row of out behind so many zeros; rows to the next multiple of 32 and columns
// to 32 as zeros.
static void round_columns(const float *x, int64_t ld, int rows, int columns, int zeros, int64_t stride, bf16 *out) {
  for (int c = 0; c < COLUMNS; c++) memset(out + c * stride, 0, sizeof(bf16) * zeros);
  out += zeros;
  bf16 pairs[16 * COLUMNS * 2] __attribute__((aligned(64)));
  for (int r = 0; r < rows; r += 32) {
    int n = rows - r < 32 ? rows - r : 32;
    if (n < 32) memset(pairs, 0, sizeof pairs);
    round_pairs(x + r * ld, ld, n, columns, pairs);
    transpose((int32_t *)pairs, 1, 2, (int32_t *)(out + r), stride / 2);
  }
}

// round_pairs of the transpose of x [columns][ld], of so many rows.
static void round_pairs_across(const float *x, int64_t ld, int rows, int columns, bf16 *out) {
  bf16 lines[COLUMNS * 32] __attribute__((aligned(64)));
  int32_t pairs[16 * COLUMNS] __attribute__((aligned(64)));
  for (int r = 0; r < rows; r += 32, out += 32 * COLUMNS) {
    int n = rows - r < 32 ? rows - r : 32;
    if (columns < COLUMNS) memset(lines, 0, sizeof lines);
    for (int c = 0; c < columns; c++) round_rows(x + c * ld + r, 1, n, 32, lines + c * 32);
    transpose((int32_t *)lines, 2, 1, pairs, COLUMNS);
    memcpy(out, pairs, sizeof(int32_t) * COLUMNS * ((n + 1) / 2));
  }
}

// The product of a block: c [rows][32] = init [rows][32] + sum over s < segments, p < k of a[i*lda + s*step + p]
// b[s*k + p][..]; rows to 16 or 32 of a are read and of c written, k is a multiple of 32; wide where more than 16 columns
// matter. init may be c, or one row at a stride of 0.
#include PRODUCT

// c is [rows][columns] at a stride of ld; what does not fill tiles goes through a buffer.
FN void block(int rows, int columns, int segments, int64_t step, int k, const bf16 *a, int64_t lda, const bf16 *b,
              const float *init, int64_t ldi, float *c, int64_t ld) {
  if ((rows == 16 || rows == 32) && (columns == 16 || columns == 32)) {
    product(rows, columns > 16, segments, step, k, a, lda, b, init, ldi, c, ld);
    return;
  }
  float buffer[BLOCK * COLUMNS] __attribute__((aligned(64)));
  if (init == c) {
    memset(buffer, 0, sizeof buffer);
    for (int i = 0; i < rows; i++) memcpy(buffer + i * COLUMNS, c + i * ld, sizeof(float) * columns);
    init = buffer, ldi = COLUMNS;
  }
  product(rows, columns > 16, segments, step, k, a, lda, b, init, ldi, buffer, COLUMNS);
  for (int i = 0; i < rows; i++) memcpy(c + i * ld, buffer + i * COLUMNS, sizeof(float) * columns);
}

// Rows t0 <= t < t1 of y [..][columns] = bias, or 0, + the sum over s < segments of the rounded rows t + s*step/stride,
// k numbers of them, times packed [panel][segments*k/2][32][2].
static void bf16_rows(const bf16 *a, int64_t stride, int segments, int64_t step, int k, const bf16 *packed,
                      const float *bias, int columns, int t0, int t1, float *y) {
  products_begin();
  for (int j = 0; j < columns; j += COLUMNS, packed += (int64_t)segments * k * COLUMNS) {
    int n = columns - j < COLUMNS ? columns - j : COLUMNS;
    float init[COLUMNS] __attribute__((aligned(64))) = {0};
    if (bias) memcpy(init, bias + j, sizeof(float) * n);
    for (int t = t0; t < t1; t += BLOCK)
      block(t1 - t < BLOCK ? t1 - t : BLOCK, n, segments, step, k, a + t * stride, stride, packed, init, 0,
            y + (int64_t)t * columns + j, columns);
  }
  products_end();
}

// A block of dw at (i, j) of taps from <= tap < to: dw[tap][i..][j..] = the sum over windows and rows t of xt[i][zeros +
// t - tap*dilation] dy[t][j]. xt are the rounded columns of a window's 32 channels, [32][stride], windows xw apart, with
// zeros before; dy are pairs [k/2][32][2], windows yw apart.
static void bf16_dw(const bf16 *xt, int64_t stride, int64_t xw, const bf16 *dy, int64_t yw, int batch, int k, int zeros,
                    int dilation, int from, int to, int rows, int columns, int64_t ld, int64_t tap, float *dw) {
  static const float zero[COLUMNS] __attribute__((aligned(64)));
  products_begin();
  for (int b = 0; b < batch; b++)
    for (int s = from; s < to; s++) {
      float *c = dw + s * tap;
      block(rows, columns, 1, 0, k, xt + b * xw + zeros - s * dilation, stride, dy + b * yw, b ? c : zero, b ? ld : 0, c,
            ld);
    }
  products_end();
}

const nets_bf16 TABLE = {
    .name = ISA,
    .round_rows = round_rows,
    .round_columns = round_columns,
    .round_pairs = round_pairs,
    .round_pairs_across = round_pairs_across,
    .rows = bf16_rows,
    .dw = bf16_dw,
};
