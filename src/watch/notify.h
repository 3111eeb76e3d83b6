/* notify.h — telling the service manager how we are (systemd's sd_notify protocol, over its socket). */
#ifndef GT_WATCH_NOTIFY_H
#define GT_WATCH_NOTIFY_H

/* Send "READY=1", "STATUS=…", … to the socket that $NOTIFY_SOCKET names; nothing without one. */
void gt_notify(const char *socket_path, const char *state);

#endif
