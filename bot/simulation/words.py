"""What people of a made-up season write about, and how often."""

from collections.abc import Mapping

# How often each kind is reported, in an ordinary month, and in which words.
TEXTS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "pest_control": (5, ("楼下蚊子太多了开不了窗", "厨房里蟑螂老多了，能不能统一消杀", "绿化带里有老鼠窜")),
    "garbage": (10, ("垃圾桶满了好几天没人清", "楼道口堆着建筑垃圾", "单元门口全是剩饭剩菜味")),
    "pollution": (3, ("楼下饭店的油烟直往家里灌", "工地扬尘大得不敢开窗", "下水沟臭得不行")),
    "greening": (5, ("树枝都伸到三楼窗户上了", "草坪踩秃了没人补种", "树倒了挡着路")),
    "stray_animals": (4, ("院里好几条野狗追着孩子跑", "遛狗不拴绳也不捡", "半夜流浪猫叫个不停")),
    "road_damage": (4, ("面包砖都被大车压碎了", "小区门口有个大坑", "路面塌了一块，老人容易绊倒")),
    "manhole": (3, ("井盖松了车一压哐当响", "井盖不见了，拿树枝插着", "井盖塌下去一截")),
    "street_light": (6, ("楼道灯坏了一个星期了", "小区的路灯一到晚上就不亮", "单元门口的灯一闪一闪的")),
    "public_facility": (3, ("健身器材断了一截", "门禁坏了谁都能进", "长椅少了两块板")),
    "construction": (4, ("改造工程挖开的沟没人填", "施工队把料堆在单元门口", "外墙保温修了一半就停了")),
    "heating": (2, ("暖气一点不热", "进屋不敢脱棉袄", "都供暖好几天了家里才十五度")),
    "water_supply": (3, ("从早上就没水", "水压太小洗不了澡", "自来水是黄的")),
    "power_supply": (2, ("我们单元又停电了", "家里电压不稳老跳闸", "半栋楼没电")),
    "gas": (1, ("燃气表没电了打不着火", "想问天然气什么时候通", "燃气管道改造什么时候轮到我们")),
    "leak_repair": (5, ("楼上漏水把我家顶棚泡了", "下雨天房顶就漏", "卫生间管子滴水")),
    "sewage": (5, ("下水道堵了往外返水", "一楼厕所反味儿", "院里污水井满了")),
    "elevator": (3, ("电梯停了两天了", "电梯一上一下直晃", "电梯门关不严")),
    "flying_wire": (4, ("有人从六楼往下拉线充电动车", "电动车推到楼道里充电", "飞线充电太吓人了")),
    "electric_hazard": (3, ("电线耷拉下来了够得着", "电表箱门敞着没人管", "网线缠成一团垂到地上")),
    "fire_safety": (4, ("消防通道让车堵死了", "楼道里堆满纸箱子", "消防栓箱是空的")),
    "falling_objects": (2, ("楼上有人往下扔烟头", "外墙皮往下掉", "窗台上的花盆摇摇欲坠")),
    "public_security": (2, ("电动车电瓶又被偷了", "半夜有陌生人挨家敲门", "楼里租房的人来来往往太杂")),
    "noise": (4, ("楼上装修中午也不停", "广场舞音响太大声", "半夜有人唱歌")),
    "parking": (5, ("共享单车把路口堵死了", "车位让外来车占了", "私装地锁没人管")),
    "illegal_building": (3, ("一楼把绿地圈起来了", "楼顶盖了个小房子", "烧烤摊占着人行道")),
    "neighbor_dispute": (2, ("对门老把鞋柜放楼道吵了好几次", "楼上孩子天天跑跳说了不听", "邻居的空调水滴我家窗台")),
    "property_service": (4, ("物业收费不给开票", "保安形同虚设谁都能进", "投诉业委会账目从来不公示")),
    "employment": (2, ("想找个附近能干的活", "能不能帮忙介绍个保洁的工作", "公益性岗位怎么报名")),
    "training": (1, ("有没有免费的电工培训", "想学月嫂去哪报名", "社区什么时候办技能培训")),
    "land": (1, ("土地流转的钱还没发", "我家地界和邻居说不清", "合作社包地的合同想看看")),
    "health_service": (1, ("老人想上门体检", "量血压的地方几点开", "骑手体检怎么预约")),
    "social_aid": (2, ("低保要交哪些材料", "高龄补贴没到账", "残疾证年审去哪办")),
    "traffic": (2, ("学校门口放学堵得动不了", "路口红绿灯坏了", "公交站牌被撞歪了")),
    "other_request": (1, ("想给社区提个意见", "便民服务点周末开不开门", "能不能多放几个快递柜")),
}
# In these months a kind is reported so many times as often.
SEASONS: Mapping[str, tuple[frozenset[int], float]] = {
    "heating": (frozenset({10, 11, 12, 1, 2, 3}), 9.0),
    "pest_control": (frozenset({5, 6, 7, 8, 9}), 4.0),
    "greening": (frozenset({4, 5, 6, 7, 8, 9, 10}), 2.0),
    "pollution": (frozenset({5, 6, 7, 8, 9}), 2.0),
    "noise": (frozenset({5, 6, 7, 8, 9}), 2.0),
    "construction": (frozenset({4, 5, 6, 7, 8, 9, 10}), 2.0),
    "falling_objects": (frozenset({11, 12, 1, 2, 3}), 2.5),
    "leak_repair": (frozenset({6, 7, 8, 9}), 2.0),
}
PATROL = ("manhole", "electric_hazard", "fire_safety", "flying_wire", "garbage", "road_damage", "parking")
# Told in chats: nothing that could be taken for a danger.
QUIET = ("garbage", "street_light", "heating", "water_supply", "greening", "sewage", "public_facility", "pest_control")
REPORTS_PER_RESIDENT = 0.35
