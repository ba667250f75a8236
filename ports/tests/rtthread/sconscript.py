"""What the SConscript of the RT-Thread port chooses, without RT-Thread and SCons: their functions are stand-ins."""

import glob
import os
import sys
import types

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', '..'))
PORT = os.path.join(ROOT, 'ports', 'rtthread')
HARD = ' -mfloat-abi=hard'


def build(options, cpu, flags, there=True):
    """The group that the SConscript defines, or the text with which it ends."""
    asked, groups = [], []

    def group(name, src, depend, **settings):
        groups.append(dict(settings, src=src))
        return src

    building = types.ModuleType('building')
    building.GetCurrentDir = lambda: PORT
    building.GetDepend = lambda name: options.get(name, False)
    building.DefineGroup = group
    sys.modules['building'] = building

    def is_file(path):
        asked.append(path)
        return there

    names = {
        'Import': lambda name: None,
        'Return': lambda name: None,
        'rtconfig': types.SimpleNamespace(CPU=cpu, CFLAGS=flags),
        'Glob': lambda pattern: sorted(glob.glob(os.path.join(PORT, pattern))),
    }
    really, os.path.isfile = os.path.isfile, is_file
    try:
        with open(os.path.join(PORT, 'SConscript'), encoding='utf-8') as script:
            exec(compile(script.read(), script.name, 'exec'), names)
    except SystemExit as end:
        return str(end)
    finally:
        os.path.isfile = really
    return groups[0] if groups else None


def chosen(**options):
    return {'PKG_USING_ALI_IOTKIT' + ('_' + name if name else ''): value for name, value in options.items()}


PLAIN = {'PKG_USING_ALI_IOTKIT': True, 'PKG_USING_ALI_IOTKIT_MQTT': True}
TLS = dict(PLAIN, **chosen(MQTT_TLS=True))


def names(group):
    return {os.path.relpath(path, os.path.join(ROOT, 'ports')) for path in group['src']}


def library(options, cpu, flags):
    group = build(options, cpu, flags)
    return group if isinstance(group, str) else os.path.relpath(group['LIBPATH'][0], ROOT)


def nothing_is_built_unless_chosen():
    assert build({}, 'cortex-m4', '') is None


def the_archive_fits_cpu_and_float_abi():
    for cpu, flags, target in (
        ('cortex-m3', ' -mcpu=cortex-m3 -mthumb', 'thumbv7m-none-eabi'),
        ('cortex-m4', ' -mcpu=cortex-m4 -mfpu=fpv4-sp-d16' + HARD, 'thumbv7em-none-eabihf'),
        ('cortex-m4', ' -mcpu=cortex-m4 -mfloat-abi=softfp', 'thumbv7em-none-eabi'),
        ('cortex-m7', ' -mcpu=cortex-m7' + HARD, 'thumbv7em-none-eabihf'),
        ('cortex-a9', ' -march=armv7-a -marm -msoft-float', 'armv7a-none-eabi'),
        ('hbird', ' -march=rv32imac -mabi=ilp32', 'riscv32imac-unknown-none-elf'),
    ):
        assert library(TLS, cpu, flags) == 'target/cross/' + target, (cpu, flags)
        assert library(PLAIN, cpu, flags) == 'target/cross/' + target + '/plain', (cpu, flags)


def another_cpu_is_an_error_that_names_the_remedy():
    for cpu, flags in (('cortex-m0', ' -mcpu=cortex-m0'), ('cortex-a9', ' -march=armv7-a' + HARD)):
        assert 'PKG_USING_ALI_IOTKIT_LIBRARY' in library(TLS, cpu, flags), cpu


def a_missing_archive_is_an_error_that_names_the_command():
    assert 'cargo xtask cross thumbv7m' in build(TLS, 'cortex-m3', '', there=False)
    assert 'cargo xtask cross --plain thumbv7m' in build(PLAIN, 'cortex-m3', '', there=False)


def a_folder_of_ones_own_counts():
    own = dict(PLAIN, **chosen(LIBRARY='"/somewhere"'))
    assert build(own, 'cortex-m0', '')['LIBPATH'] == ['/somewhere']
    assert 'no archive' in build(dict(PLAIN, **chosen(LIBRARY='""')), 'cortex-m0', '')


def tls_brings_its_port():
    assert 'mbedtls/ssl.c' in names(build(TLS, 'cortex-m3', ''))
    plain = build(PLAIN, 'cortex-m3', '')
    assert not any(name.startswith('mbedtls/') for name in names(plain))
    assert 'IOTX_WITHOUT_TLS' in plain['CPPDEFINES']


def the_whole_port_is_built():
    built = names(build(PLAIN, 'cortex-m3', ''))
    assert {'rtthread/time.c', 'rtos/tcp.c', 'common/identity.c'} <= built, built
    assert not any('samples' in name for name in built)


def samples_are_built_when_chosen():
    mqtt = names(build(dict(PLAIN, **chosen(MQTT_SAMPLE=True)), 'cortex-m3', ''))
    assert 'rtthread/samples/ali_mqtt_test.c' in mqtt and 'rtthread/samples/connect.c' in mqtt
    assert 'rtthread/samples/ali_ota_test.c' not in mqtt
    both = dict(PLAIN, **chosen(MQTT_SAMPLE=True, OTA=True, OTA_SAMPLE=True, MQTT_OTA=True))
    assert 'rtthread/samples/ali_ota_test.c' in names(build(both, 'cortex-m3', ''))


TESTS = (
    nothing_is_built_unless_chosen, the_archive_fits_cpu_and_float_abi, another_cpu_is_an_error_that_names_the_remedy,
    a_missing_archive_is_an_error_that_names_the_command, a_folder_of_ones_own_counts, tls_brings_its_port,
    the_whole_port_is_built, samples_are_built_when_chosen,
)
for test in TESTS:
    test()
    print('pass', test.__name__)
print(len(TESTS), 'passed, 0 failed')
