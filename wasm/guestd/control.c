#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "answer.h"
#include "failure.h"
#include "json-writer.h"
#include "json.h"
#include "loop.h"
#include "operation.h"
#include "relay.h"
#include "stream.h"
#include "task.h"

#ifndef GUESTD_BUILD
#define GUESTD_BUILD "0000000000000000"
#endif
/* One is enough; a new one may come before the end of the old one is known. */
#define CONTROLS_MAX 8

struct control {
    struct stream *stream;
    struct control *next;
};

static struct control *controls;
static unsigned count;

static void put_member(struct json_writer *json, const char *name, const char *text) {
    json_name(json, name);
    json_put_text(json, text);
}

static int send(struct stream *stream, uint8_t kind, struct json_writer *json) {
    const int error = json->failed ? -ENOMEM : stream_send(stream, kind, json->text, json->length);
    json_writer_free(json);
    return error;
}

static int hello(struct stream *stream) {
    static const char *const features[] = {"attach", "host-root", "docker-stub", "docker-socket", "networks", "disk",
                                          "bench"};
    struct utsname name;
    struct sysinfo info;
    if (uname(&name) < 0 || sysinfo(&info) < 0)
        return -errno;
    struct json_writer json = {0};
    json_open_object(&json);
    json_name(&json, "version");
    json_put_integer(&json, PROTOCOL_VERSION);
    put_member(&json, "build", GUESTD_BUILD);
    put_member(&json, "kernel", name.release);
    json_name(&json, "memoryBytes");
    json_put_unsigned(&json, (uint64_t)info.totalram * info.mem_unit);
    json_name(&json, "cpus");
    json_put_integer(&json, sysconf(_SC_NPROCESSORS_ONLN));
    json_name(&json, "features");
    json_open_array(&json);
    for (size_t index = 0; index < sizeof features / sizeof *features; index++)
        json_put_text(&json, features[index]);
    json_close_array(&json);
    json_close_object(&json);
    return send(stream, FRAME_HELLO, &json);
}

/* Answer a request, or let a child do it. */
static int respond(struct stream *stream, const struct json_value *request, const struct frame *frame) {
    const struct json_value *number = json_get(request, "id");
    if (number == NULL || number->type != JSON_NUMBER)
        return -EPROTO;
    const int64_t id = json_integer(number, 0);
    const enum lane lane = operation_lane(request);
    struct failure failure = {.code = "failed"};
    struct json_writer json = {0};
    int error = lane == LANE_LOOP ? 0 : operation_begin(request, &failure);
    if (error > 0) {
        error = task_start(stream, lane, id, (const char *)frame->payload, frame->length);
        if (error == 0)
            return 0;
        fail_errno(&failure, -error, "cannot take another request");
    }
    if (error < 0)
        answer_failure(&json, id, &failure);
    else if (lane == LANE_LOOP)
        answer_run(&json, id, request);
    else
        answer_result(&json, id);
    return send(stream, FRAME_RESPONSE, &json);
}

static int on_request(struct stream *stream, const struct frame *frame) {
    struct json_document document;
    int error = json_parse((const char *)frame->payload, frame->length, &document);
    if (error == 0)
        error = respond(stream, document.root, frame);
    json_free(&document);
    return error;
}

/* A request that is answered by now is none any more. */
static int on_cancel(struct stream *stream, const struct frame *frame) {
    struct json_document document;
    const int error = json_parse((const char *)frame->payload, frame->length, &document);
    if (error == 0)
        task_cancel(stream, json_integer(json_get(document.root, "id"), -1));
    json_free(&document);
    return error;
}

static int on_frame(void *owner, const struct frame *frame) {
    const struct control *control = owner;
    int error = 0;
    if (!stream_has_room(control->stream)) {
        /* Who doesn't read the answers may not ask on. */
        return FRAME_LATER;
    }
    if (frame->kind == FRAME_REQUEST)
        error = on_request(control->stream, frame);
    else if (frame->kind == FRAME_PING)
        error = stream_send(control->stream, FRAME_PONG, frame->payload, frame->length);
    else if (frame->kind == FRAME_CANCEL)
        error = on_cancel(control->stream, frame);
    else
        error = -EPROTO;
    return error < 0 ? error : (int)frame->length;
}

static void on_drained(void *owner) {
    const struct control *control = owner;
    stream_resume(control->stream);
}

static void on_closed(void *owner) {
    const struct control *control = owner;
    task_abandon(control->stream);
    for (struct control **link = &controls; *link != NULL; link = &(*link)->next)
        if (*link == owner) {
            *link = (*link)->next;
            break;
        }
    count--;
    free(owner);
}

static const struct stream_handler handler = {
    .frame = on_frame, .drained = on_drained, .closed = on_closed};

int control_open(struct stream *stream) {
    if (count == CONTROLS_MAX)
        return -EMFILE;
    struct control *control = malloc(sizeof *control);
    if (control == NULL)
        return -ENOMEM;
    const int error = hello(stream);
    if (error < 0) {
        free(control);
        return error;
    }
    *control = (struct control){.stream = stream, .next = controls};
    controls = control;
    count++;
    stream_hand_over(stream, &handler, control);
    relay_tell_waiting();
    return 0;
}

static void send_event(struct json_writer *json) {
    if (!json->failed)
        for (const struct control *control = controls; control != NULL; control = control->next)
            stream_send(control->stream, FRAME_EVENT, json->text, json->length);
    json_writer_free(json);
}

void control_oom(const char *container) {
    struct json_writer json = {0};
    json_open_object(&json);
    put_member(&json, "event", "oom");
    put_member(&json, "container", container);
    json_close_object(&json);
    send_event(&json);
}

void control_connection(uint32_t connection, const char *service) {
    struct json_writer json = {0};
    json_open_object(&json);
    put_member(&json, "event", "connection");
    json_name(&json, "connection");
    json_put_unsigned(&json, connection);
    put_member(&json, "service", service);
    json_close_object(&json);
    send_event(&json);
}
