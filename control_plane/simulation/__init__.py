"""A month of publishing and viewing, replayed over the planner. Pure.

`options` says what is assumed, `workload` makes the month, `outages` the edges that fail and join.
`pulling` is what shields keep of what they pull, `holding` what edges hold and fill, `demand` what
is known of popularity, and `strategies` decide what edges should hold. `replay` runs the hours,
`accounting` counts; `report`, `pictures` and `charts` tell.
"""
