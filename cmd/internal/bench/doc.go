// Package bench measures what `hutong bench` prints.
//
// It promises that what is compared is measured in one run on the same cores, in short turns that alternate, because
// machines drift; that rates are medians of the turns and each ratio the median of the turns' own ratios; and that
// every answer is checked, by a check that was seen to fail on a bad input first. It asserts nothing about the
// figures: they are reported, not judged.
package bench
