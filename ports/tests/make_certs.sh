#!/bin/sh
# Makes the certificates of the TLS tests in the folder given: NAME.pem (certificate) and NAME.key.
# Everything is made up and lives as long as the tests do.
#
#   root, other_root           two CAs; clients trust `root`
#   good, good_ec, expired, future, wrong_name   servers' certificates by `root`
#   unknown_ca                 by `other_root`
#   self_signed                by itself
set -eu
cd "$1"

HOST=device.tls.example
PAST=20200101000000Z
RECENT=20240101000000Z
LATER=20400101000000Z
FAR=20450101000000Z

cat >ca.conf <<END
[ca]
default_ca = any
[any]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = policy
unique_subject = no
[policy]
commonName = supplied
[root]
basicConstraints = critical, CA:TRUE
keyUsage = keyCertSign, cRLSign
[server]
basicConstraints = CA:FALSE
subjectAltName = DNS:$HOST
[wrong_name]
basicConstraints = CA:FALSE
subjectAltName = DNS:other.tls.example
END
: >index

# key NAME KIND...: a new key and a request for a certificate
key() {
    name=$1
    shift
    openssl req -new -newkey "$@" -nodes -keyout "$name.key" -out "$name.csr" -subj "/CN=$name" 2>/dev/null
}

# sign NAME EXTENSIONS START END SIGNER...
sign() {
    name=$1 extensions=$2 start=$3 end=$4
    shift 4
    openssl ca -config ca.conf -batch -notext -in "$name.csr" -out "$name.pem" \
        -extensions "$extensions" -startdate "$start" -enddate "$end" "$@" 2>/dev/null
}

RSA=rsa:2048
EC="ec -pkeyopt ec_paramgen_curve:P-256"

for ca in root other_root; do
    key $ca $RSA
    sign $ca root $PAST $FAR -selfsign -keyfile $ca.key
done
for server in good expired future wrong_name unknown_ca self_signed; do
    key $server $RSA
done
# shellcheck disable=SC2086 # several words
key good_ec $EC

sign good server $RECENT $LATER -cert root.pem -keyfile root.key
sign good_ec server $RECENT $LATER -cert root.pem -keyfile root.key
sign expired server $PAST $RECENT -cert root.pem -keyfile root.key
sign future server $LATER $FAR -cert root.pem -keyfile root.key
sign wrong_name wrong_name $RECENT $LATER -cert root.pem -keyfile root.key
sign unknown_ca server $RECENT $LATER -cert other_root.pem -keyfile other_root.key
sign self_signed server $RECENT $LATER -selfsign -keyfile self_signed.key
