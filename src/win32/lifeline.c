/* The lifeline: there is none. A child is put into its parent's kill-on-close job before its
   first instruction (launch.c), and the system ends it with the last handle of that job. */
#include "native.h"

int plat_lifeline_hold(bool detached) {
    (void)detached;
    return 0;
}
