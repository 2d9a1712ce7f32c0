package identifier

import (
	"maps"
	"slices"

	"github.com/hutong-project/hutong/trust"
)

// CentralBodies is the code that stands for the bodies of the central government.
const CentralBodies trust.Province = "100000"

type name struct{ zh, en string }

// The 34 units of GB/T 2260 at province level, and the central bodies.
var provinces = map[trust.Province]name{
	CentralBodies: {"中央", "Central bodies"},
	"110000":      {"北京市", "Beijing"},
	"120000":      {"天津市", "Tianjin"},
	"130000":      {"河北省", "Hebei"},
	"140000":      {"山西省", "Shanxi"},
	"150000":      {"内蒙古自治区", "Inner Mongolia"},
	"210000":      {"辽宁省", "Liaoning"},
	"220000":      {"吉林省", "Jilin"},
	"230000":      {"黑龙江省", "Heilongjiang"},
	"310000":      {"上海市", "Shanghai"},
	"320000":      {"江苏省", "Jiangsu"},
	"330000":      {"浙江省", "Zhejiang"},
	"340000":      {"安徽省", "Anhui"},
	"350000":      {"福建省", "Fujian"},
	"360000":      {"江西省", "Jiangxi"},
	"370000":      {"山东省", "Shandong"},
	"410000":      {"河南省", "Henan"},
	"420000":      {"湖北省", "Hubei"},
	"430000":      {"湖南省", "Hunan"},
	"440000":      {"广东省", "Guangdong"},
	"450000":      {"广西壮族自治区", "Guangxi"},
	"460000":      {"海南省", "Hainan"},
	"500000":      {"重庆市", "Chongqing"},
	"510000":      {"四川省", "Sichuan"},
	"520000":      {"贵州省", "Guizhou"},
	"530000":      {"云南省", "Yunnan"},
	"540000":      {"西藏自治区", "Tibet (Xizang)"},
	"610000":      {"陕西省", "Shaanxi"},
	"620000":      {"甘肃省", "Gansu"},
	"630000":      {"青海省", "Qinghai"},
	"640000":      {"宁夏回族自治区", "Ningxia"},
	"650000":      {"新疆维吾尔自治区", "Xinjiang"},
	"710000":      {"台湾省", "Taiwan"},
	"810000":      {"香港特别行政区", "Hong Kong"},
	"820000":      {"澳门特别行政区", "Macao"},
}

// ProvinceName returns the names of a province-level unit of GB/T 2260 or of the central bodies. It is false for
// all others, such as partners, whose name stands in the national list.
func ProvinceName(p trust.Province) (zh, en string, ok bool) {
	n, ok := provinces[p]
	return n.zh, n.en, ok
}

// Provinces returns the codes that ProvinceName knows, in order.
func Provinces() []trust.Province { return slices.Sorted(maps.Keys(provinces)) }

// Home reads a province off an issuer's code: characters 3 to 8 of 18, or a bare region code of 6 digits. It is a
// hint where to look an issuer up and works for codes that fail their check; nothing may be trusted for it.
func Home(code string) (trust.Province, bool) {
	switch {
	case len(code) == usccLength:
		code = code[2:8]
	case len(code) != 6:
		return "", false
	}
	if !isDigits(code) {
		return "", false
	}
	p := trust.Province(code[:2] + "0000")
	_, ok := provinces[p]
	if !ok {
		return "", false
	}
	return p, true
}
