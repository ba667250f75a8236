//! `iot_import.h`: memory, mutexes, time, text, and connections.

use core::ffi::{c_char, c_int, c_uchar, c_uint, c_ushort, c_void};

use crate::v2::ctypes::{size_t, va_list};

unsafe extern "C" {
    /// Makes a mutex. It need not be recursive.
    ///
    /// @return the mutex; `NULL` if there is no memory
    pub fn HAL_MutexCreate() -> *mut c_void;

    /// Frees a mutex that nobody holds.
    ///
    /// @param mutex  not `NULL`
    pub fn HAL_MutexDestroy(mutex: *mut c_void);

    /// Waits for a mutex, for ever if need be, and takes it.
    ///
    /// @param mutex  not `NULL`
    pub fn HAL_MutexLock(mutex: *mut c_void);

    /// Gives a mutex back. Called by the thread that holds it.
    ///
    /// @param mutex  not `NULL`
    pub fn HAL_MutexUnlock(mutex: *mut c_void);

    /// Allocates memory, aligned for any type; its content does not matter.
    ///
    /// @param size  bytes, more than 0
    /// @return the memory; `NULL` if there is none, which the library survives
    pub fn HAL_Malloc(size: u32) -> *mut c_void;

    /// Frees memory, possibly on another thread than the one that allocated it.
    ///
    /// @param ptr  from `HAL_Malloc`; not `NULL`
    pub fn HAL_Free(ptr: *mut c_void);

    /// Milliseconds since some start. Never goes back; may wrap at 2^32. A step of 10 ms is fine enough.
    ///
    /// @return the time
    pub fn HAL_UptimeMs() -> u64;

    /// Lets the thread sleep.
    ///
    /// @param ms  roughly how long; 0 returns
    pub fn HAL_SleepMs(ms: u32);

    /// Seeds `HAL_Random`.
    ///
    /// @param seed  the seed
    pub fn HAL_Srandom(seed: u32);

    /// A random number, not for cryptography.
    ///
    /// @param region  number of possible values
    /// @return 0 to `region - 1`; 0 if `region` is 0
    pub fn HAL_Random(region: u32) -> u32;

    /// Prints text where a developer sees it. The library calls it as `HAL_Printf("%s", text)`, with pieces of at most
    /// 128 bytes.
    ///
    /// @param fmt  a format as for `printf`
    pub fn HAL_Printf(fmt: *const c_char, ...);

    /// `snprintf` of C99, for applications: the library does not call it.
    ///
    /// @param str  receives the text, terminated if `len` is above 0
    /// @param len  size of `str`
    /// @param fmt  a format as for `printf`
    /// @return length the whole text would have, without the NUL; negative if the format is bad
    pub fn HAL_Snprintf(str: *mut c_char, len: c_int, fmt: *const c_char, ...) -> c_int;

    /// `vsnprintf` of C99, for applications: the library does not call it.
    ///
    /// @param str  receives the text, terminated if `len` is above 0
    /// @param len  size of `str`
    /// @param fmt  a format as for `printf`
    /// @param ap   what is to be formatted
    /// @return length the whole text would have, without the NUL; negative if the format is bad
    pub fn HAL_Vsnprintf(str: *mut c_char, len: c_int, fmt: *const c_char, ap: va_list) -> c_int;

    /// Connects over TCP; blocks until connected or failed.
    ///
    /// @param host  host name or IPv4 address
    /// @param port  TCP port
    /// @return a handle; 0 on failure
    pub fn HAL_TCP_Establish(host: *const c_char, port: u16) -> usize;

    /// Closes a connection and frees its handle, in whatever state the connection is.
    ///
    /// @param fd  a handle from `HAL_TCP_Establish`, which is not used any more
    /// @return 0; negative on failure
    pub fn HAL_TCP_Destroy(fd: usize) -> i32;

    /// Sends, for the given time at most. Another thread may be in `HAL_TCP_Read` meanwhile.
    ///
    /// @param fd          the connection
    /// @param buf         what to send
    /// @param len         its length in bytes
    /// @param timeout_ms  how long to wait for the network to take it
    /// @return bytes sent, which may be fewer than `len` and 0 if the time is over; negative if the connection is lost,
    ///         in particular when its peer has closed it (without a signal such as SIGPIPE)
    pub fn HAL_TCP_Write(fd: usize, buf: *const c_char, len: u32, timeout_ms: u32) -> i32;

    /// Receives, for the given time at most: returns as soon as `len` bytes are there, or when the time is over.
    ///
    /// The three outcomes must not be confused: nothing yet (0), closed (-1), failed (-2). A port that returns 0 for a
    /// closed connection delays its detection until the next keep-alive. In outline:
    ///
    ///     while (got < len && (left = deadline - now()) > 0) {
    ///         switch (wait_readable(fd, left)) {
    ///         case TIMEOUT: return got;
    ///         case FAILED:  return got > 0 ? got : -2;
    ///         }
    ///         n = recv(fd, buf + got, len - got);
    ///         if (n == 0) return got > 0 ? got : -1;
    ///         if (n < 0)  return got > 0 ? got : -2;
    ///         got += n;
    ///     }
    ///     return got;
    ///
    /// @param fd          the connection
    /// @param buf         receives the bytes
    /// @param len         how many are wanted
    /// @param timeout_ms  how long to wait for them, at least 1
    /// @return bytes received, 0 if there were none in time; -1 closed by the peer; any other negative number failed
    pub fn HAL_TCP_Read(fd: usize, buf: *mut c_char, len: u32, timeout_ms: u32) -> i32;

    /// Connects over TLS: TCP, handshake with SNI, and check of the server's certificate, chain and name; blocks until
    /// connected or failed.
    ///
    /// @param host        host name, which the certificate must carry
    /// @param port        TCP port
    /// @param ca_crt      the root certificate to trust (PEM)
    /// @param ca_crt_len  its length in bytes, terminating NUL included
    /// @return a handle; 0 on failure
    pub fn HAL_SSL_Establish(
        host: *const c_char,
        port: u16,
        ca_crt: *const c_char,
        ca_crt_len: size_t,
    ) -> usize;

    /// Closes a connection and frees its handle, in whatever state the connection is.
    ///
    /// @param handle  from `HAL_SSL_Establish`, not used any more; 0 does nothing
    /// @return 0; negative on failure
    pub fn HAL_SSL_Destroy(handle: usize) -> i32;

    /// As `HAL_TCP_Write`. Another thread may be in `HAL_SSL_Read` meanwhile: a TLS library that cannot do both at once
    /// is locked inside the port, which waits for the socket outside that lock.
    pub fn HAL_SSL_Write(handle: usize, buf: *const c_char, len: c_int, timeout_ms: c_int) -> i32;

    /// As `HAL_TCP_Read`; bytes that wait inside the TLS library count as there. The peer's close notification and the
    /// end of the TCP connection both count as closed.
    pub fn HAL_SSL_Read(handle: usize, buf: *mut c_char, len: c_int, timeout_ms: c_int) -> i32;

    /// Makes a UDP socket that is connected to a peer.
    ///
    /// @param host  host name or IPv4 address
    /// @param port  UDP port
    /// @return a handle; `(void *)-1` on failure
    pub fn HAL_UDP_create(host: *mut c_char, port: c_ushort) -> *mut c_void;

    /// Closes a socket.
    ///
    /// @param p_socket  from `HAL_UDP_create`
    pub fn HAL_UDP_close(p_socket: *mut c_void);

    /// Sends a datagram.
    ///
    /// @param p_socket  the socket
    /// @param p_data    the datagram
    /// @param datalen   its length in bytes
    /// @return bytes sent; -1 on failure
    pub fn HAL_UDP_write(p_socket: *mut c_void, p_data: *const c_uchar, datalen: c_uint) -> c_int;

    /// Receives a datagram and waits for it for ever. For applications: the library does not call it.
    ///
    /// @param p_socket  the socket
    /// @param p_data    receives the datagram, cut to `datalen` bytes
    /// @param datalen   size of `p_data`
    /// @return bytes received; negative on failure
    pub fn HAL_UDP_read(p_socket: *mut c_void, p_data: *mut c_uchar, datalen: c_uint) -> c_int;

    /// Receives a datagram, waiting for it for the given time at most.
    ///
    /// @param p_socket    the socket
    /// @param p_data      receives the datagram, cut to `datalen` bytes
    /// @param datalen     size of `p_data`
    /// @param timeout_ms  how long to wait, at least 1
    /// @return bytes received; 0 an empty datagram; -1 the peer refused the last datagram, or a bad argument; -2 the
    ///         time is over; -3 interrupted; -4 any other failure
    pub fn HAL_UDP_readTimeout(
        p_socket: *mut c_void,
        p_data: *mut c_uchar,
        datalen: c_uint,
        timeout_ms: c_uint,
    ) -> c_int;
}
