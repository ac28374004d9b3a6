// The kernels of surrogate networks, one table per instruction set. Row-major float32 throughout.
#ifndef NEQ_NETS_H
#define NEQ_NETS_H
#include <stdint.h>

enum { ACT_RELU, ACT_GELU, ACT_SILU, ACT_TANH };

typedef struct {
  double beta1, beta2, eps, clip; // clip multiplies the gradient
  double step_m, step_g, denom;   // w = keep w - (step_m m + step_g g) / (sqrt(v) denom + eps)
  double keep;
} nets_adam;

// A stretch of ms of a scan over some rows of a batch.
typedef struct {
  int rows, time, units; // time: ms that the rows' tensors have
  int from, to;
  int kept; // ms that the rows of kept states have, from the stretch's first on
} nets_scan;
enum { RUN = 4, ELM_ROWS = 8 };

// The Expressive Leaky Memory neuron's channels, and its hidden units' activation. in 0: the inputs' part of the hidden
// units is given. learned: the gradient of decay is wanted.
typedef struct {
  int in, hidden, memory, act, learned;
} nets_elm;

// Floats: of packed weights; what a ms of a sequence keeps of hidden units and of memory; sums; room to work.
typedef struct {
  int64_t packed, z, y, sums, forward, backward;
} nets_elm_sizes;

// The parameters of a diagonal state space, [channels][states], log_dt and d [channels]; and their gradients.
typedef struct {
  int channels, states;
  const float *log_dt, *log_a, *imag_a, *re, *im;
} nets_ssm;
typedef struct { float *log_dt, *log_a, *imag_a, *re, *im, *d; } nets_ssm_grad;

typedef struct {
  const char *name;
  int lanes;
  // events.h
  void (*event_rows)(const float *w, const int32_t *key, const int32_t *bin, int n, int taps, int channels,
                     const float *bias, float *out, int64_t stride, int t0, int t1);
  void (*event_scatter)(const float *w, const int32_t *key, const int32_t *bin, int n, int taps, int channels,
                        const float *bias, float *out, int64_t stride, int rows);
  void (*event_grad)(const float *dout, const int32_t *row, const int32_t *bin, int n, int taps, int dilation,
                     int channels, int time, float *dw);
  // order.h
  int64_t (*order_events)(const int64_t *first, const int32_t *bin, const int32_t *synapse, int batch, int time,
                          int inputs, int taps, int dilation, int block, int narrow, int32_t *count, int32_t *spare,
                          int64_t *start, int32_t *row, int32_t *at, int64_t *group, int32_t *key, int32_t *step);
  // elementwise.h
  void (*act)(int kind, const float *x, float *y, int64_t n);
  void (*act_grad)(int kind, const float *x, const float *dy, float *dx, int64_t n);
  void (*sum)(const float *x, const float *y, float *total, int64_t n);
  // columns.h
  void (*sum_columns)(const float *x, int64_t rows, int channels, float *sums);
  void (*sum_squares)(const float *x, const float *mean, int64_t rows, int channels, float *sums);
  void (*norm)(const float *x, const float *stats, const float *gamma, const float *beta, int64_t rows, int channels,
               float *y);
  void (*norm_sums)(const float *x, const float *stats, const float *dy, int64_t rows, int channels, float *sums);
  void (*norm_grad)(const float *x, const float *stats, const float *gamma, const float *dy, const float *means,
                    int64_t rows, int channels, float *dx);
  // heads.h
  void (*heads)(const float *x, const float *w, const float *b, int64_t rows, int channels, int heads, float *y);
  void (*heads_dx)(const float *dy, const float *w, int64_t rows, int channels, int heads, float *dx);
  void (*heads_dw)(const float *dy, const float *x, int64_t rows, int channels, int heads, float *dw);
  double (*spike_loss)(const float *y, const float *target, int64_t rows, int heads, float scale, float *dy);
  double (*square_loss)(const float *y, const float *target, int64_t rows, int heads, float scale, float *dy);
  // adam.h
  void (*adam)(const nets_adam *p, float *w, const float *g, float *m, float *v, int64_t n);
  double (*square_sum)(const float *x, int64_t n);
  void (*add)(const float *x, float *y, int64_t n);
  // conv.h
  int panel_columns;
  int64_t (*conv_packed)(int taps, int rows, int columns);
  void (*conv_pack)(const float *w, int64_t rb, int64_t cb, int rows, int columns, float *packed);
  void (*conv_rows)(const float *x, const float *packed, const float *bias, int cin, int cout, int taps, int dilation,
                    int t0, int t1, float *y);
  void (*conv_dx)(const float *packed, const float *dy, int time, int cin, int cout, int taps, int dilation, int t0,
                  int t1, float *dx);
  void (*conv_dw)(const float *x, const float *dy, int batch, int time, int cin, int cout, int lag, int j, float *dw);
  // lstm.h, gru.h
  void (*lstm)(const nets_scan *s, const float *x, const float *packed, float *h, float *c, float *y, float *gates,
               float *cells, float *work);
  void (*lstm_grad)(const nets_scan *s, const float *dy, const float *packed, const float *gates, const float *cells,
                    const float *before, float *dh, float *dc, float *dx, float *work);
  void (*gru)(const nets_scan *s, const float *x, const float *packed, const float *bias, float *h, float *y,
              float *gates, float *work);
  void (*gru_grad)(const nets_scan *s, const float *dy, const float *packed, const float *gates, const float *y,
                   const float *before, float *dh, float *dx, float *dz, float *work);
  // ssm.h
  int ssm_ms;
  void (*ssm_coefficients)(const nets_ssm *p, int c0, int c1, float *k);
  void (*ssm)(int time, int channels, int states, int c0, int c1, const float *k, const float *d, const float *x, float *state,
              float *marks, float *y);
  void (*ssm_grad)(int time, int channels, int states, int c0, int c1, const float *k, const float *d, const float *x,
                   const float *marks, const float *dy, float *behind, float *dx, float *sums);
  void (*ssm_parameters)(const nets_ssm *p, int batch, int c0, int c1, const float *sums, const nets_ssm_grad *g);
  // depthwise.h
  void (*depthwise_rows)(const float *x, const float *w, const float *bias, int time, int channels, int taps,
                         int dilation, int t0, int t1, float *y);
  void (*depthwise_dx)(const float *dy, const float *w, int time, int channels, int taps, int dilation, int t0, int t1,
                       float *dx);
  void (*depthwise_dw)(const float *x, const float *dy, int channels, int taps, int dilation, int t0, int t1, float *dw);
  // layernorm.h
  void (*layer_norm)(const float *x, const float *gamma, const float *beta, int64_t rows, int channels, float epsilon,
                     float *y);
  void (*layer_norm_dx)(const float *x, const float *gamma, const float *dy, int64_t rows, int channels, float epsilon,
                        float *dx);
  void (*layer_norm_sums)(const float *x, const float *dy, int64_t rows, int channels, float epsilon, float *sums);
  // attention.h
  int64_t (*attention_scratch)(int time, int width, int span, int grad);
  void (*attention)(const float *qkv, const float *bias, int time, int heads, int width, int span, int head,
                    float *scratch, float *y);
  void (*attention_grad)(const float *qkv, const float *bias, const float *dy, int time, int heads, int width, int span,
                         int head, float *scratch, float *dqkv, float *dbias);
  // moe.h
  void (*route)(const float *logits, int64_t rows, int experts, int top, int32_t *chosen, float *gates);
  void (*route_grad)(const float *logits, const int32_t *chosen, const float *gates, const float *dgates, int64_t rows,
                     int experts, int top, const float *share, float weight, float *dlogits);
  void (*gather_rows)(const float *parts, const int32_t *at, const float *gates, int64_t rows, int top, int channels,
                      float *y);
  void (*spread_rows)(const float *dy, const float *given, const int32_t *at, const float *gates, int64_t rows, int top,
                      int channels, float *parts, float *dgates);
  // branches.h
  void (*branch_sums)(const float *value, const int32_t *first, const int32_t *at, const int32_t *bin,
                      const int32_t *synapse, int64_t n, int time, int branches, float *u);
  void (*branch_sums_few)(const float *value, const int32_t *first, const int32_t *at, const int32_t *bin,
                          const int32_t *synapse, int64_t n, int time, int branches, float *u);
  void (*branch_grads)(const float *du, const int32_t *first, const int32_t *at, const int32_t *bin,
                       const int32_t *synapse, int64_t n, int branches, float *dvalue);
  void (*branch_grads_few)(const float *du, const int32_t *first, const int32_t *at, const int32_t *bin,
                           const int32_t *synapse, int64_t n, int branches, float *dvalue);
  void (*branch_step)(const float *value, const int32_t *first, const int32_t *at, const int64_t *start,
                      const int32_t *synapse, int64_t rows, int branches, float keep, float *trace);
  void (*leak)(const float *x, float keep, int64_t time, int channels, int back, float *y);
  // elm.h
  nets_elm_sizes (*elm_size)(nets_elm p);
  void (*elm_pack)(nets_elm p, const float *w1, const float *b1, const float *w2, const float *b2, const float *decay,
                   int back, float *to);
  void (*elm_forward)(nets_elm p, const float *w, int rows, int64_t time, const float *x, float *state, float *m,
                      float *z, float *y, float *room);
  void (*elm_backward)(nets_elm p, const float *w, int rows, int group, int64_t time, const float *x, const float *m,
                       const float *dm, const float *z, const float *y, float *dx, float *sums, float *room);
  void (*elm_gradients)(nets_elm p, const float *w1, const float *decay, const float *sums, int parts, float *d);
} nets_table;

// Products of factors rounded to bfloat16: bf16.h
typedef struct {
  const char *name;
  void (*round_rows)(const float *x, int rows, int channels, int64_t stride, uint16_t *out);
  void (*round_columns)(const float *x, int64_t ld, int rows, int columns, int zeros, int64_t stride, uint16_t *out);
  void (*round_pairs)(const float *x, int64_t ld, int rows, int columns, uint16_t *out);
  void (*round_pairs_across)(const float *x, int64_t ld, int rows, int columns, uint16_t *out);
  void (*rows)(const uint16_t *a, int64_t stride, int segments, int64_t step, int k, const uint16_t *packed,
               const float *bias, int columns, int t0, int t1, float *y);
  void (*dw)(const uint16_t *xt, int64_t stride, int64_t xw, const uint16_t *dy, int64_t yw, int batch, int k, int reach,
             int dilation, int from, int to, int rows, int columns, int64_t ld, int64_t tap, float *dw);
} nets_bf16;

const nets_bf16 *nets_bf16_pick(const char *isa); // "" picks the best; NULL where the machine has none, or lacks isa
const nets_table *nets_pick(const char *isa); // "" picks the best the machine has; NULL where it lacks isa
#endif
