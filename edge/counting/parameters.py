"""Every number that the counting rules use, by subject, with its unit, purpose and origin.

None of these is part of the configuration file; what a user configures is in `Configured`, with its default. The
stages take a `CountingParameters` as an argument; `DEFAULT` is what runs on devices.

Origin. Each field names the test, tape or measurement that asked for its value. *Developed on the clips and tapes*
means: chosen while counting was developed on the 32 clips with truth and on the scene tapes with seeds 11 to 16
(`tests/scenes/README.md`), and never varied on its own; the golden tapes hold the outcome. *Chosen without a
measurement* means what it says. Lengths in *box sizes* are in units of the square root of the box's area, in *box
heights* or *widths* in units of its sides, so a near truck and a far car obey the same rule.
"""

import msgspec


class Configured(msgspec.Struct, frozen=True):
    """Defaults of the values that the configuration file may change."""

    reach_share: float = 0.25
    """Box heights. A vehicle arms and crosses at this distance from the line, so trembling on it counts nothing
    (test_trembling_on_the_line_counts_nothing_however_long). Developed on the clips and tapes."""
    class_share_min: float = 0.4
    """Probability below which a crossing is `unclassified`. Developed on the clips and tapes."""
    gap_ms: int = 2_000
    """Longest time that one frame accounts for as watched. Chosen without a measurement."""
    bucket_ms: int = 60_000
    """Width of a bucket. Chosen without a measurement."""
    standing_after_ms: int = 10_000
    """How long a vehicle must stay at its place to be standing. Chosen without a measurement."""
    parked_after_ms: int = 600_000
    """How long a vehicle must have stood to be parked. Chosen without a measurement."""
    parked_after_passed: int = 3
    """How many vehicles that came later must have left before it is parked. Chosen without a measurement."""


class MotionParameters(msgspec.Struct, frozen=True):
    """Noise of the Kalman filter of a box (motion.py). Developed on the clips and tapes."""

    position_noise: float = 0.06
    """Standard deviation of a detected edge, box sides. The scene tapes move edges by 0.05."""
    size_noise: float = 0.12
    """Standard deviation of a detected width or height, box sides: two edges."""
    first_speed: float = 4.0
    """Standard deviation of the speed before a second sighting, box sizes per second."""
    first_growth: float = 0.5
    """Standard deviation of the change of size before a second sighting, box sides per second."""
    position_density: float = 1.5
    """Density of white acceleration noise of the position, box sizes squared per second cubed."""
    size_density: float = 0.15
    """The same of width and height, box sides squared per second cubed."""
    growth_max: float = 0.4
    """Largest share of the distance to the camera covered in one prediction. Vehicles near the camera grow by a third
    from frame to frame (test_a_vehicle_that_comes_at_a_steady_speed_is_expected_where_it_comes_to)."""
    side_px_min: float = 2.0
    """Smallest side of a predicted box, pixels: sizes stay positive. Chosen without a measurement."""


class SplitParameters(msgspec.Struct, frozen=True):
    """When several detections are fragments of one vehicle (split_detections.py).

    Asked for by a truck of the scene tapes that counted twice because two halves of its box founded a second track
    (test_a_box_that_falls_in_halves_now_and_then_counts_once).
    """

    inside_min: float = 0.6
    """Smallest share of a fragment's area inside the predicted box."""
    area_error_max: float = 0.15
    """Largest difference between the summed areas of the fragments and the box around them, as a share of that box:
    fragments lie beside each other, two vehicles overlap (test_two_boxes_that_overlap_are_two_vehicles)."""
    distance_min: float = 3.0
    """Squared Mahalanobis distance of the best single detection below which nothing is missing."""
    distance_share_max: float = 0.5
    """Largest distance of the joined box, as a share of that of the best single detection
    (test_what_together_is_no_better_than_apart_stays_apart)."""


class TrackingParameters(msgspec.Struct, frozen=True):
    """Assignment and life of tracks (tracking.py). Developed on the clips and tapes unless a field says otherwise.

    A *distance* is a squared Mahalanobis distance with 4 degrees of freedom. A *cost* is a distance plus the logarithm
    of the prediction's variance; its bounds are stated as margins above the log-variance of a track with one sighting.
    """

    score_high: float = 0.4
    """Lowest score that founds a track. Suits the scores of the shipped detector."""
    score_low: float = 0.2
    """Lowest score that continues a track (test_weak_boxes_carry_a_track_and_never_found_one)."""
    confirmed_score: float = 1.2
    """Sum of the scores of all sightings from which a track is confirmed (test_one_weak_sighting_is_no_vehicle)."""
    confirmed_ms: int = 200
    """Time from first to last sighting from which a track is confirmed."""
    distance_max: float = 16.0
    """Largest distance of a strong detection."""
    distance_max_weak: float = 12.0
    """Largest distance of a weak detection."""
    weak_margin: float = 4.0
    """A weak detection blocks a strong one only if its distance is smaller by this much: else a truck that is blurred
    for a moment takes the box of the next car
    (test_a_track_does_not_go_over_to_a_stranger_where_a_weak_box_lies_nearer)."""
    cost_margin: float = 5.0
    """Largest cost of an assignment."""
    cost_margin_again: float = 9.0
    """Largest cost of an assignment to a track that was unseen for longer than `recent_ms`."""
    distance_max_again: float = 9.0
    """Largest distance of such an assignment."""
    score_sum_again: float = 6.0
    """Sum of scores that a track needs for such an assignment: it must have been seen well before."""
    recent_ms: int = 250
    """A track was seen recently if it was within this time, or in one of the two frames before
    (test_a_weak_box_carries_a_track_on_after_one_frame_without_any_however_long_that_was)."""
    first_sighting_s_max: float = 0.5
    """Longest time over which the log-variance of a track with one sighting grows: beyond it next to nothing is
    known."""
    first_sighting_s_max_slow: float = 2.0
    """The same where frames are usually that far apart: at 1 frame/s no vehicle was followed without it
    (tests/test_low_rates.py)."""
    hidden_s_max: float = 0.5
    """Longest prediction of a hidden track that stood
    (test_what_stood_and_is_hidden_does_not_leap_while_no_frames_come)."""
    unseen_unconfirmed_ms: int = 400
    """How long an unconfirmed track lives unseen."""
    unseen_moving_ms: int = 1_500
    """How long a moving track lives unseen (test_a_vehicle_hidden_by_another_near_the_line_still_counts)."""
    unseen_standing_ms: int = 20_000
    """How long a standing track lives unseen
    (test_a_vehicle_that_waits_hidden_behind_a_standing_truck_still_counts)."""
    standing_speed: float = 0.15
    """Box sizes per second below which a track is standing."""
    duplicate_iou: float = 0.45
    """Intersection over union from which a detection repeats a vehicle already seen in this frame. On stills, too."""
    born_on_share: float = 0.5
    """Share of the smaller of two boxes from which one was first seen on the other: only then may they be one vehicle
    (test_who_came_by_itself_is_no_part_of_the_truck_beside_which_it_drives)."""
    part_inside: float = 0.75
    """Smallest share of a part's area inside the box of its whole. On stills, too."""
    part_area_max: float = 0.7
    """Largest area of a part, as a share of that of its whole. On stills, too."""
    part_sightings_min: float = 0.5
    """Share of a track's sightings (by score) from which it is a part: a car that a truck overtakes lies in its box for
    a moment (test_a_car_that_a_truck_overtakes_is_no_part)."""
    whole_score_share: float = 0.3
    """Smallest sum of scores of a whole, as a share of that of its part."""
    lost_ms: int = 1_000
    """How long after its last sighting a lost track can be found again in a new one. Breaks near the line were most of
    the missed crossings in free flow."""
    distance_max_lost: float = 25.0
    """Largest distance at which a new track continues a lost one."""
    lost_error_max: float = 0.7
    """Largest distance of its first sighting from where both speeds lead, box sizes
    (test_a_vehicle_that_begins_behind_where_one_was_lost_is_another)."""
    tracks_max: int = 500
    """Tracks alive at once; beyond it the longest unseen are released and counted. Bounds memory."""


class NamingParameters(msgspec.Struct, frozen=True):
    """How votes, second looks and sizes are joined to a class (naming.py).

    Weights and tables are fitted by `python -m models.training.fit_names` on vehicles of known class on held-out
    cameras; they change with every model. The order of classes is that of CLASSES.
    """

    looks_max: int = 3
    """Second looks at one vehicle. On the 32 clips three name as many right as four, at less cost."""
    look_log_min: float = -8.0
    """Lowest logarithm of a probability that one look may contribute. Chosen without a measurement."""
    look_weight: float = 1.31
    """Weight of the mean look. Fitted."""
    vote_weight: float = 0.78
    """Weight of the detector's vote. Fitted."""
    priors: tuple[float, ...] = (0.0, -0.51, -0.45, -0.41, 0.01, -0.09)
    """Logarithm of how common each class is, up to a constant. Fitted."""
    detector_confusion: tuple[tuple[float, ...], ...] = (
        (0.983, 0.001, 0.011, 0.003, 0.001, 0.001),
        (0.844, 0.01, 0.115, 0.01, 0.01, 0.01),
        (0.567, 0.004, 0.367, 0.056, 0.004, 0.004),
        (0.257, 0.014, 0.446, 0.257, 0.014, 0.014),
        (0.136, 0.006, 0.006, 0.006, 0.773, 0.071),
        (0.167, 0.167, 0.167, 0.167, 0.167, 0.167),
    )
    """Probability that the shipped detector calls a vehicle of each class (row) by each name (column): it calls vans
    cars. Measured on held-out cameras."""
    size_weight: float = 0.81
    """Weight of the size. Fitted."""
    sizes: tuple[tuple[float, float], ...] = (
        (0.01, 0.13),
        (0.18, 0.16),
        (0.38, 0.32),
        (0.38, 0.32),
        (-0.32, 0.23),
        (-0.32, 0.23),
    )
    """Mean and standard deviation of the size (logarithm above that of cars) of each class. Fitted."""
    size_outlier_share: float = 0.05
    """Share of boxes whose size says nothing: half a vehicle, or two. Chosen without a measurement."""
    bus_share_min: float = 0.62
    """Probability from which a bus is called so; a false bus raises an alert. The least value at which the held-out
    cameras have one false bus (`models/vehicle-names.md`)."""
    tail_confidence: float = 0.95
    """Confidence of the upper bound on false names (class_tail.py); the usual one, so none seen gives 3.0."""


class CadenceParameters(msgspec.Struct, frozen=True):
    """How soon the detector must run again (cadence.py).

    Developed with `crossing-edge bench --compare`, so that clips and tapes count as with the detector at every frame
    while it runs less often.
    """

    follow_sizes: float = 0.5
    """Farthest that a vehicle may move between two looks, box sizes."""
    near_sizes: float = 0.3
    """The same near a line, so that it is seen before the line, on it and beyond it."""
    near_heights: float = 0.75
    """Distance from a line that is near, box heights."""
    new_ms: float = 120.0
    """Wait after the first sightings of a vehicle, or after a box that is no vehicle yet."""
    new_heights: float = 3.0
    """Distance from a line, box heights, up to which that is so; beyond it the wait grows with the distance."""
    new_ms_max: float = 300.0
    """Longest such wait. With both, the looks at the five quiet clips fall from 18.6% to 17.8% of the frames, and no
    crossing of any clip is lost by it."""
    new_near_ms: float = 40.0
    """The same near a line; at once, for cameras of up to 25 frames/s."""
    new_sightings: float = 3.0
    """Sightings of score 1 below which a vehicle is new."""
    missed_ms: float = 80.0
    """Wait after a look that missed a vehicle near a line."""
    missed_ms_max: int = 600
    """How long after its last sighting that is done; then it is lost. Of the crossings of the clips 534 are found with
    600, as many as with the detector at every frame, and 530 with 200."""
    moving_ms: float = 400.0
    """Longest wait for anything that moves."""
    fast_ms: float = 65.0
    """A vehicle that needs a look sooner than this gets one at every frame of a usual camera."""
    standing_sizes: float = 0.15
    """Box sizes per second below which a vehicle stands and needs no look."""


class CrossingParameters(msgspec.Struct, frozen=True):
    """When a vehicle crosses a line (crossing.py). Developed on the clips and tapes unless a field says otherwise."""

    reach_px_min: float = 2.0
    """Smallest arming distance, pixels. Chosen without a measurement."""
    first_share: float = 0.5
    """Smallest share of the arming distance that a vehicle first seen near the line must have been away
    (test_a_vehicle_first_seen_all_but_on_the_line_does_not_count_however_far_it_goes)."""
    carry_ms: int = 500
    """How far ahead the speed of a vehicle lost beyond the line is continued. One lost between the line and the
    arming distance was missed without it."""
    same_ground_widths: float = 0.5
    """Two ground points nearer than this, in widths of the narrower box, can be one vehicle: two side by side are a
    width apart (test_two_boxes_on_the_same_ground_are_one_vehicle)."""
    same_ground_heights: float = 0.3
    """The same vertically, in heights of the lower box: from a mast, two in a row are most of a height apart
    (test_two_side_by_side_and_two_in_a_row_are_two_vehicles)."""
    same_ground_ms: int = 500
    """How recently the other vehicle must have been seen for its place to be known."""
    standing_heights: float = 0.3
    """Box heights per second below which a vehicle stands, or nearly
    (test_who_is_lost_on_the_line_while_it_stops_and_seen_there_again_does_not_count_as_gone_on)."""
    return_reaches: float = 1.5
    """Arming distances that a vehicle must be away to have come back: more than a box is short by when a part of it is
    not seen (test_a_box_that_loses_a_third_of_itself_on_the_line_does_not_come_back)."""
    same_place_widths: float = 0.35
    """Two crossings nearer than this along the line, in widths of the narrower box, can be one vehicle
    (test_two_boxes_that_cross_at_one_place_in_one_moment_are_one_vehicle)."""
    same_place_ms: int = 300
    """And nearer than this in time: in one lane nobody follows so closely."""
    part_ms: int = 2_500
    """A part crosses with its whole within this time; until then its crossing is held. Longer than `same_place_ms`, so
    what is remembered for the one rule is remembered for the other."""
    whole_widths: float = 1.5
    """Smallest width of a vehicle taken for the whole of a part, in widths of the part, where the whole is not known:
    the fans on a coach's roof crossed before the coach was known
    (test_a_vehicle_of_the_same_size_is_not_the_whole_of_a_part)."""
    whole_lead_ms: int = 2_000
    """How long before its part such a whole may cross: in one lane vehicles follow each other by as much
    (test_a_part_of_what_is_not_there_counts_though_a_larger_vehicle_crossed_there_before)."""
    jump_heights: float = 0.4
    """Movement between two sightings, in box heights, that a vehicle starting from rest does not make
    (test_a_vehicle_that_stood_is_not_believed_to_be_elsewhere_until_it_is_sighted_there_again)."""
    jump_speeds: float = 3.0
    """And that exceeds what its speed explains by this factor."""
    jump_age_ms: int = 1_000
    """Age of a track from which this is asked: the speed of a younger one is not known yet."""


class OcclusionParameters(msgspec.Struct, frozen=True):
    """Boxes whose lower part is hidden (occlusion.py). Developed on the scene tapes with queues."""

    cut_ms: int = 600
    """How long after it a box counts as cut: boxes tremble, and so does the sight of one cutting the other
    (test_free_again_it_is_what_it_seems_soon_after)."""
    hider_seen_ms: int = 2_000
    """How recently a vehicle that hides another must have been seen. For hidden vehicles of a zone, too."""
    nearer_heights: float = 0.1
    """How much lower the bottom edge of the nearer vehicle is at least, in heights of the farther one
    (test_who_is_farther_away_cuts_nobody)."""
    above_heights: float = 0.15
    """How far above the nearer box the bottom edge of the farther one may end, in heights of the farther one ..."""
    above_heights_nearer: float = 0.1
    """... plus this in heights of the nearer one."""
    abreast_widths: float = 0.5
    """Smallest share of the farther one's width that the nearer one covers."""
    edge_sides: float = 0.05
    """A box nearer to the edge of the picture than this, in its sides, may be cut by it
    (test_what_ends_at_the_edge_of_the_picture_teaches_no_height). For sizes, too."""
    missing_min: float = 0.15
    """Smallest share of the visible height that is completed; less is trembling
    (test_trembling_boxes_do_not_make_the_lower_edge_jump)."""
    sightings_own_min: int = 3
    """Sightings from which a vehicle's own height is used."""
    sightings_own_max: int = 15
    """Sightings over which it is averaged."""
    sightings_class_min: int = 30
    """Sightings from which the usual height of a class is used."""
    sightings_class_max: int = 300
    """Sightings over which it is averaged."""
    unusual: float = 1.3
    """Largest ratio of a vehicle's own height to the usual one of its class, for its width
    (test_a_height_seen_while_nobody_knew_what_hid_it_is_not_believed)."""


class StationaryParameters(msgspec.Struct, frozen=True):
    """Since when a vehicle is at its place (stationary.py). Developed on the scene tapes with queues."""

    reach_share: float = 0.25
    """How far a standing vehicle may seem to move, box heights: a box that trembles by 5% stays within it for hours
    (test_an_hour_of_trembling_is_one_stay)."""
    reach_px_min: float = 2.0
    """Smallest such distance, pixels. Chosen without a measurement."""
    strayed_s: float = 0.15
    """Sum of time beyond the reach, weighted by how far beyond, that is a move."""
    strayed_reaches_max: float = 3.0
    """Largest weight: one wild box is no move (test_a_box_that_is_anothers_for_a_moment_ends_no_stay)."""
    unseen_s_max: float = 0.5
    """Longest time counted between two sightings: of a longer one neither tells much."""
    clear_share: float = 0.5
    """Distance from the resting place, as a share of the reach, that trembling rarely exceeds."""
    smoothing_s: float = 0.3
    """Smoothing of the ground point per box height of extra width: a box trembles by a share of its width."""
    smoothing_heights_max: float = 3.0
    """Largest extra width used, box heights."""
    mark_s: float = 1.0
    """Averaging time of the place where a vehicle arrived."""
    rest_s: float = 30.0
    """Longest averaging time of the place where it rests."""
    recent_s: float = 1.0
    """Averaging time of where it is now: the resting place lags behind one that creeps
    (test_one_that_rolls_on_within_the_reach_is_where_it_has_come_to)."""
    settled_ms: int = 1_000
    """Age of a stay from which the average tells better than the last point where the vehicle is."""
    return_ms: int = 2_000
    """Back at its rest within this time a vehicle was never away: its box was another's."""
    speed_short_s: float = 0.3
    """Averaging times of the two means whose difference is the speed: the shorter one ..."""
    speed_long_s: float = 1.0
    """... and the longer one."""


class OccupancyParameters(msgspec.Struct, frozen=True):
    """Who is in a zone (occupancy.py)."""

    found_ms: int = 60_000
    """How long a lost vehicle can be found again by a new track at its place
    (test_found_after_more_than_a_minute_it_is_another). Chosen without a measurement."""
    lost_max: int = 500
    """Lost vehicles remembered at once. Bounds memory."""
    expected_every_ms: int = 10_000
    """How often the expected wait is computed. Chosen without a measurement."""
    hidden_every_ms: int = 5_000
    """How often the hidden vehicles are estimated: it takes 5 to 30 ms."""
    border_heights: float = 0.25
    """Distance from the border, box heights, that is clear of it: more than a box trembles
    (test_who_trembles_along_the_border_in_another_lane_neither_enters_nor_leaves)."""
    creep_speed: float = 0.05
    """Box heights per second from which a vehicle does not stand: a tenth of its length, for seen from a mast along the
    road it is twice as high as its length shows. Five real clips counted by eye
    (test_who_moves_a_tenth_of_its_length_in_a_second_does_not_stand_near_or_far)."""
    creep_ms: int = 5_000
    """At that speed a vehicle is beyond its reach after this time; where standing takes longer, the reach decides."""
    unseen_ms: int = 500
    """An unseen vehicle counts no more if its neighbours moved away since. Five real clips counted by eye: error of the
    number inside 0.22 to 0.15 (test_who_is_unseen_stays_in_a_queue_that_stands_and_leaves_with_one_that_moves)."""
    unseen_moving_ms: int = 300
    """An unseen vehicle that drives counts no more after this. The same clips: 0.153 to 0.138
    (test_who_drives_and_is_not_seen_does_not_count_until_it_is_seen_again)."""
    neighbours: int = 2
    """How many neighbours must have moved."""
    neighbour_heights: float = 3.0
    """Farthest that a neighbour in a queue is, in box heights of the unseen vehicle."""


class ExpectedWaitParameters(msgspec.Struct, frozen=True):
    """The wait of a vehicle that joins a queue now (expected_wait.py). Measured by `python -m
    tests.counting.customs`."""

    history_ms: int = 8 * 3_600_000
    """Age up to which departures count: long enough for some pauses, short enough for the rate of this shift."""
    departures_max: int = 2_000
    """Departures remembered. Bounds memory."""
    moments_min: int = 4
    """Fewest past moments like the present from which a wait is told."""
    spans_min: float = 3.0
    """Fewest non-overlapping spans among them."""
    stretch_max: int = 4
    """Largest factor by which times of fewer vehicles are stretched
    (test_a_queue_that_is_longer_than_any_before_is_known_in_proportion_and_not_beyond_four_times)."""
    step_share: float = 0.8
    """How much fewer vehicles are tried next where there are too few moments. Chosen without a measurement."""


class GroundParameters(msgspec.Struct, frozen=True):
    """Lengths on the ground (ground_plane.py)."""

    link_m: float = 25.0
    """Farthest apart that two ground points of one queue are: the longest lorry and trailer that roads commonly admit
    (18.75 m, Directive 96/53/EC, annex I, 1.1) and the gap before it."""
    lengths_m: tuple[tuple[str, float], ...] = (
        ("car", 4.5),
        ("van", 6.0),
        ("truck", 12.0),
        ("bus", 12.0),
        ("motorcycle", 2.0),
        ("bicycle", 2.0),
    )
    """Usual length of each class: of a vehicle at the end of a queue only the ground point is known."""
    length_unknown_m: float = 6.0
    """Length of a vehicle without a class. Chosen without a measurement."""

    def length_of(self, label: str) -> float:
        """The usual length of a class, metres."""
        return dict(self.lengths_m).get(label, self.length_unknown_m)


class HiddenParameters(msgspec.Struct, frozen=True):
    """The estimate of hidden vehicles (hidden.py). Measured by `python -m tests.scenes.hidden`."""

    lane_m: float = 3.5
    """Width of a lane: the usual one."""
    step_m: float = 1.0
    """Distance of the places tried along a lane."""
    steps_max: int = 200
    """Places tried along a lane: what is farther away is too small to be counted there."""
    lanes_max: int = 8
    """Lanes of a zone."""
    gap_m: float = 2.5
    """Gap between two vehicles of a queue."""
    light_side_m: float = 2.2
    """Square root of the area that a light vehicle shows (length: that of a car)."""
    heavy_side_m: float = 3.4
    """The same of a heavy one (length: that of a truck)."""
    mix_max: int = 500
    """Vehicles remembered for the shares of light and heavy ones; beyond it both are halved."""
    covered_min: float = 0.7
    """Share of a vehicle that nearer boxes must cover to hide it."""
    samples: tuple[tuple[float, float], ...] = tuple((x, y) for y in (0.1, 0.3, 0.5, 0.7, 0.9) for x in (0.1, 0.5, 0.9))
    """Points of a box, in shares of its width and height, at which that is tested."""
    prior: float = 0.5
    """Both parameters of the beta distribution before anything is seen (Jeffreys)."""
    event_variance: float = 0.05
    """Variance added to the balance for each vehicle that came, went, appeared or was lost inside."""


class SizeParameters(msgspec.Struct, frozen=True):
    """Sizes of vehicles learned on site (sizes.py). On clips of 8 s they tell trucks and buses from cars and vans with
    an AUC of 0.90."""

    apart_heights: float = 0.5
    """Distance between two sightings of one vehicle that are kept, box heights."""
    sightings_max: int = 8
    """Last sightings kept of one vehicle."""
    cars_min: int = 6
    """Cars from which sizes are known (test_of_few_cars_nothing_is_learned)."""
    cars_max: int = 150
    """Last cars used (test_a_vehicle_that_stands_is_one_sighting_and_the_oldest_cars_are_forgotten)."""
    refit_share: float = 0.1
    """Share of new sightings from which the plane is fitted anew."""
    rounds: int = 6
    """Rounds of reweighted least squares."""
    huber: float = 1.3
    """Standard deviations from which a sighting weighs less (Huber 1964)
    (test_vans_that_the_detector_calls_cars_do_not_make_cars_small)."""
    deviation_min: float = 0.05
    """Smallest standard deviation within cars, of the logarithm of the side."""
    prior_deviation: float = 0.15
    """The same before it is known."""
    prior_slope: float = 2.0
    """Standard deviation of the slope of the logarithm over the picture: steeper planes are unlikely."""
    car_side_m: float = 2.2
    """Square root of the area that a car shows, seen along the road or across, metres."""
    focal_widths: float = 0.87
    """Focal length in picture widths: an angle of view of 60 degrees. It is not known, so distances along the view are
    right to a third."""
    slope_deviations: float = 2.0
    """Standard deviations by which cars must grow towards the bottom of the picture for the ground to be known."""


class StillParameters(msgspec.Struct, frozen=True):
    """Counting on single pictures (stills.py)."""

    score_min: float = 0.3
    """Lowest score of a vehicle: no second frame confirms a weak box, and none may show it better."""
    part_ground: float = 0.15
    """Farthest apart that the bottom edges of a part and its whole are, in heights of the whole: who stands behind
    another ends higher (test_a_cab_and_a_second_box_are_no_vehicles_and_one_behind_another_is)."""
    same_place_iou: float = 0.5
    """Intersection over union from which a box is at the place of one before."""
    likeness_min: float = 0.85
    """Correlation from which the picture before shows the same vehicle: 87% of the boxes of tracks that stood reach it
    on two queues of London clips, 5 to 8 s apart."""


class ConvoyParameters(msgspec.Struct, frozen=True):
    """Convoys (convoys.py)."""

    vehicles_max: int = 1_000
    """Vehicles of one convoy; the next one begins there. Bounds memory (test_a_convoy_without_end_is_told_in_parts)."""
    settle_ms: int = 30_000
    """How long after a moment its crossings are looked at: a truck that creeps needs as long to leave the line."""
    remember_ms: int = 60_000
    """How long watched time is remembered beyond two of the longest headways. Chosen without a measurement."""


class WatchedParameters(msgspec.Struct, frozen=True):
    """Which time was watched (watched.py)."""

    pending_ms_max: int = 35_000
    """Longest that a symptom may be pending: a picture must be frozen for 20 s before it is called so, and a symptom
    is decided at most 23 s after it is noticed."""
    look_back_ms: int = 10_000
    """How long after its beginning a symptom is noticed at the latest; time is decided this much late."""


class BucketParameters(msgspec.Struct, frozen=True):
    """Buckets (buckets.py, zone_counts.py)."""

    settle_ms: int = 3_000
    """How long a bucket stays open after its end: the first frame after `CrossingParameters.part_ms` decides about a
    held crossing, at two frames a second."""
    ok_share: float = 0.95
    """Share of watched time from which a bucket is `ok`: a minute may lose three seconds to a reconnect
    (test_three_seconds_of_a_minute_may_be_lost_to_a_reconnect)."""
    waits_max: int = 10_000
    """Waits kept for the percentiles of one bucket; of more, they are those of the first ones. Bounds memory."""


class CountingParameters(msgspec.Struct, frozen=True):
    """All parameters of counting."""

    motion: MotionParameters = MotionParameters()
    split: SplitParameters = SplitParameters()
    tracking: TrackingParameters = TrackingParameters()
    naming: NamingParameters = NamingParameters()
    cadence: CadenceParameters = CadenceParameters()
    crossing: CrossingParameters = CrossingParameters()
    occlusion: OcclusionParameters = OcclusionParameters()
    stationary: StationaryParameters = StationaryParameters()
    occupancy: OccupancyParameters = OccupancyParameters()
    expected_wait: ExpectedWaitParameters = ExpectedWaitParameters()
    ground: GroundParameters = GroundParameters()
    hidden: HiddenParameters = HiddenParameters()
    sizes: SizeParameters = SizeParameters()
    stills: StillParameters = StillParameters()
    convoys: ConvoyParameters = ConvoyParameters()
    watched: WatchedParameters = WatchedParameters()
    buckets: BucketParameters = BucketParameters()

    def __post_init__(self) -> None:
        """Hold the rules that join several subjects."""
        assert self.crossing.same_place_ms <= self.crossing.part_ms, "a crossing is remembered for part_ms"


CONFIGURED = Configured()
DEFAULT = CountingParameters()
