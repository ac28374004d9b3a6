// Every kernel compiled for the including unit's instruction set, as one table.
#include "nets.h"
#include "vec.h"
#include "order.h"
#include "events.h"
#include "elementwise.h"
#include "columns.h"
#include "heads.h"
#include "adam.h"
#include "lines.h"
#include "gemm.h"
#include "conv.h"
#include "lstm.h"
#include "gru.h"
#include "ssm.h"
#include "depthwise.h"
#include "layernorm.h"
#include "attention.h"
#include "moe.h"
#include "branches.h"
#include "elm.h"

const nets_table TABLE = {
    .name = ISA,
    .lanes = VW,
    .order_events = order_events,
    .event_rows = event_rows,
    .event_scatter = event_scatter,
    .event_grad = event_grad,
    .act = act,
    .act_grad = act_grad,
    .sum = sum,
    .sum_columns = sum_columns,
    .sum_squares = sum_squares,
    .norm = norm,
    .norm_sums = norm_sums,
    .norm_grad = norm_grad,
    .heads = heads,
    .heads_dx = heads_dx,
    .heads_dw = heads_dw,
    .spike_loss = spike_loss,
    .square_loss = square_loss,
    .adam = adam,
    .square_sum = square_sum,
    .add = add,
    .panel_columns = PANEL_COLUMNS,
    .conv_packed = conv_packed,
    .conv_pack = conv_pack,
    .conv_rows = conv_rows,
    .conv_dx = conv_dx,
    .conv_dw = conv_dw,
    .lstm = lstm,
    .lstm_grad = lstm_grad,
    .gru = gru,
    .gru_grad = gru_grad,
    .ssm_ms = SSM_MS,
    .ssm_coefficients = ssm_coefficients,
    .ssm = ssm,
    .ssm_grad = ssm_grad,
    .ssm_parameters = ssm_parameters,
    .depthwise_rows = depthwise_rows,
    .depthwise_dx = depthwise_dx,
    .depthwise_dw = depthwise_dw,
    .layer_norm = layer_norm,
    .layer_norm_dx = layer_norm_dx,
    .layer_norm_sums = layer_norm_sums,
    .attention_scratch = attention_scratch,
    .attention = attention,
    .attention_grad = attention_grad,
    .route = route,
    .route_grad = route_grad,
    .gather_rows = gather_rows,
    .spread_rows = spread_rows,
    .branch_sums = branch_sums,
    .branch_sums_few = branch_sums_few,
    .branch_grads = branch_grads,
    .branch_grads_few = branch_grads_few,
    .branch_step = branch_step,
    .leak = leak,
    .elm_size = elm_size,
    .elm_pack = elm_pack,
    .elm_forward = elm_forward,
    .elm_backward = elm_backward,
    .elm_gradients = elm_gradients,
};
