"""Codes with the meanings that PS3.16 and other schemes publish for CT: they are the same in every hospital.

Written by profiles/dictionary.py from pydicom's copy of the standard and profiles/codes.txt: change that, not this.
"""

from typing import Final

# Scheme, value, its SNOMED-RT code (- if it has none), meaning.
CODES: Final = """\
CCAM ACQH002 - Scanographie du crane et du thorax, avec injection IV
CCAM ACQH004 - Scanographie du crane et du tronc, avec injection IV
CCAM ECQH010 - Scanographie des vaisseaux du thorax et/ou du coeur
CCAM ECQH011 - Scanographie des vaisseaux du thorax, de l'abdomen, du bassin
CCAM ZBQH001 - Scanographie du thorax, avec injection IV
CCAM ZBQK001 - Scanographie du thorax, sans injection IV
CCAM ZZQH033 - Scanographie de 3 territoires ou plus, avec injection IV
CCAM ZZQK024 - Scanographie de 3 territoires ou plus, sans injection IV
DCM 109100 - Synthesizing Equipment
DCM 109101 - Acquisition Equipment
DCM 109102 - Processing Equipment
DCM 109103 - Modifying Equipment
DCM 109104 - De-identifying Equipment
DCM 109105 - Frame Extracting Equipment
DCM 109106 - Enhanced Multi-frame Conversion Equipment
DCM 109120 - On admission to unit
DCM 109121 - On discharge
DCM 109122 - On discharge from unit
DCM 109123 - Pre-intervention
DCM 109124 - Post-intervention
DCM 109125 - At last appointment
DCM 110020 - Sheet Film Digitized
DCM 110021 - Cine Film Digitized
DCM 110022 - Video Tape Digitized
DCM 110023 - Paper Digitized
DCM 110024 - CD Imported
DCM 110025 - DVD Imported
DCM 110026 - MOD Imported
DCM 110027 - Studies Imported
DCM 110028 - Instances Imported
DCM 110500 - Doctor canceled procedure
DCM 110501 - Equipment failure
DCM 110502 - Incorrect procedure ordered
DCM 110503 - Patient allergic to media/contrast
DCM 110504 - Patient died
DCM 110505 - Patient refused to continue procedure
DCM 110506 - Patient taken for treatment or surgery
DCM 110507 - Patient did not arrive
DCM 110508 - Patient pregnant
DCM 110509 - Change of procedure for correct charging
DCM 110510 - Duplicate order
DCM 110511 - Nursing unit cancel
DCM 110512 - Incorrect side ordered
DCM 110513 - Discontinued for unspecified reason
DCM 110514 - Incorrect worklist entry selected
DCM 110515 - Patient condition prevented continuing
DCM 110516 - Equipment change
DCM 110521 - Objects incorrectly formatted
DCM 110522 - Object Types not supported
DCM 110523 - Object Set incomplete
DCM 110524 - Media Failure
DCM 110526 - Resource pre-empted
DCM 110527 - Resource inadequate
DCM 110528 - Discontinued Procedure Step rescheduled
DCM 110529 - Discontinued Procedure Step rescheduling recommended
DCM 110530 - Workitem assignment rejected by assigned resource
DCM 110533 - Workitem expired
DCM 110700 - Ventral Diencephalon
DCM 110701 - White Matter T1 Hypointensity
DCM 110702 - White Matter T2 Hyperintensity
DCM 110800 - Spin Tagging Perfusion MR Signal Intensity
DCM 110801 - Contrast Agent Angio MR Signal Intensity
DCM 110802 - Time Of Flight Angio MR Signal Intensity
DCM 110803 - Proton Density Weighted MR Signal Intensity
DCM 110804 - T1 Weighted MR Signal Intensity
DCM 110805 - T2 Weighted MR Signal Intensity
DCM 110806 - T2* Weighted MR Signal Intensity
DCM 110807 - Field Map MR Signal Intensity
DCM 110808 - Fractional Anisotropy
DCM 110809 - Relative Anisotropy
DCM 110810 - Volumetric Diffusion Dxx Component
DCM 110811 - Volumetric Diffusion Dxy Component
DCM 110812 - Volumetric Diffusion Dxz Component
DCM 110813 - Volumetric Diffusion Dyy Component
DCM 110814 - Volumetric Diffusion Dyz Component
DCM 110815 - Volumetric Diffusion Dzz Component
DCM 110816 - T1 Weighted Dynamic Contrast Enhanced MR Signal Intensity
DCM 110817 - T2 Weighted Dynamic Contrast Enhanced MR Signal Intensity
DCM 110818 - T2* Weighted Dynamic Contrast Enhanced MR Signal Intensity
DCM 110819 - Blood Oxygenation Level
DCM 110820 - Nuclear Medicine Projection Activity
DCM 110821 - Nuclear Medicine Tomographic Activity
DCM 110822 - Spatial Displacement X Component
DCM 110823 - Spatial Displacement Y Component
DCM 110824 - Spatial Displacement Z Component
DCM 110825 - Hemodynamic Resistance
DCM 110826 - Indexed Hemodynamic Resistance
DCM 110827 - Tissue Velocity
DCM 110828 - Flow Velocity
DCM 110829 - Flow Variance
DCM 110830 - Elasticity
DCM 110831 - Perfusion
DCM 110832 - Speed of sound
DCM 110833 - Ultrasound Attenuation
DCM 110834 - RGB R Component
DCM 110835 - RGB G Component
DCM 110836 - RGB B Component
DCM 110837 - YBR FULL Y Component
DCM 110838 - YBR FULL CB Component
DCM 110839 - YBR FULL CR Component
DCM 110840 - YBR PARTIAL Y Component
DCM 110841 - YBR PARTIAL CB Component
DCM 110842 - YBR PARTIAL CR Component
DCM 110843 - YBR ICT Y Component
DCM 110844 - YBR ICT CB Component
DCM 110845 - YBR ICT CR Component
DCM 110846 - YBR RCT Y Component
DCM 110847 - YBR RCT CB Component
DCM 110848 - YBR RCT CR Component
DCM 110849 - Echogenicity
DCM 110850 - X-Ray Attenuation
DCM 110852 - MR signal intensity
DCM 110853 - Binary Segmentation
DCM 110854 - Fractional Probabilistic Segmentation
DCM 110855 - Fractional Occupancy Segmentation
DCM 110856 - Linear Displacement
DCM 110857 - Photon Energy
DCM 110858 - Time
DCM 110859 - Angle
DCM 111010 - Center
DCM 111041 - Outline
DCM 111099 - Selected region
DCM 111101 - Image Quality
DCM 111102 - Non-lesion
DCM 111175 - Other Marker
DCM 111207 - Image artifact(s)
DCM 111208 - Grid artifact(s)
DCM 111209 - Positioning
DCM 111210 - Motion blur
DCM 111211 - Under exposed
DCM 111212 - Over exposed
DCM 111213 - No image
DCM 111214 - Detector artifact(s)
DCM 111215 - Artifact(s) other than grid or detector artifact
DCM 111216 - Mechanical failure
DCM 111217 - Electrical failure
DCM 111218 - Software failure
DCM 111219 - Inappropriate image processing
DCM 111220 - Other failure
DCM 111221 - Unknown failure
DCM 111240 - Institutionally defined quality control standard
DCM 111351 - Homogeneous fat echotexture
DCM 111352 - Homogeneous fibroglandular echotexture
DCM 111353 - Heterogeneous echotexture
DCM 111355 - Parallel
DCM 111356 - Not parallel
DCM 111358 - Abrupt interface
DCM 111359 - Echogenic halo
DCM 111361 - Anechoic
DCM 111362 - Hyperechoic
DCM 111363 - Complex
DCM 111364 - Hypoechoic
DCM 111365 - Isoechoic
DCM 111367 - No posterior acoustic features
DCM 111368 - Posterior enhancement
DCM 111369 - Posterior shadowing
DCM 111370 - Combined posterior enhancement and shadowing
DCM 111373 - Vascularity not present
DCM 111374 - Vascularity not assessed
DCM 111375 - Vascularity present in lesion
DCM 111376 - Vascularity present immediately adjacent to lesion
DCM 111377 - Diffusely increased vascularity in surrounding tissue
DCM 111381 - Correlates to physical examination findings
DCM 111382 - Correlates to mammography findings
DCM 111383 - Correlates to MRI findings
DCM 111384 - Correlates to ultrasound findings
DCM 111385 - Correlates to other imaging findings
DCM 111386 - No correlation to other imaging findings
DCM 111387 - No correlation to clinical findings
DCM 111389 - Invasive breast carcinoma
DCM 111390 - Other malignancy type
DCM 111392 - 1st week
DCM 111393 - 2nd week
DCM 111394 - 3rd week
DCM 111396 - < 3 months ago
DCM 111397 - 4 months to 1 year ago
DCM 111398 - > 1 year ago
DCM 111399 - Not sure
DCM 111400 - Breast Imaging Report
DCM 111609 - No filter
DCM 111640 - Virtual grid
DCM 111641 - Fixed grid
DCM 111642 - Focused grid
DCM 111643 - Reciprocating grid
DCM 111644 - Parallel grid
DCM 111645 - Crossed grid
DCM 111646 - No grid
DCM 112001 - Opacity
DCM 112004 - Abnormal interstitial pattern
DCM 112005 - Radiographic anatomy
DCM 112017 - Cavity extent as percent of volume
DCM 112018 - Calcification extent as percent of surface
DCM 112019 - Calcification extent as percent of volume
DCM 112029 - WHO
DCM 112031 - Attenuation Coefficient
DCM 112033 - Abnormal opacity
DCM 112035 - Performance of Pediatric and Adult Chest Radiography, ACR
DCM 112036 - ACR Position Statement
DCM 112041 - Target Lesion Complete Response
DCM 112042 - Target Lesion Partial Response
DCM 112043 - Target Lesion Progressive Disease
DCM 112044 - Target Lesion Stable Disease
DCM 112045 - Non-Target Lesion Complete Response
DCM 112046 - Non-Target Lesion Incomplete Response or Stable Disease
DCM 112047 - Non-Target Lesion Progressive Disease
DCM 112052 - Bronchovascular
DCM 112053 - Osseous
DCM 112054 - Secondary pulmonary lobule
DCM 112055 - Agatston scoring method
DCM 112056 - Volume scoring method
DCM 112057 - Mass scoring method
DCM 112059 - Primary complex
DCM 112060 - Oligemia
DCM 112061 - Abnormal lines (1D)
DCM 112062 - Abnormal lucency
DCM 112063 - Abnormal calcifications
DCM 112064 - Abnormal texture
DCM 112065 - Reticulonodular pattern
DCM 112066 - Beaded septum sign
DCM 112067 - Nodular pattern
DCM 112068 - Pseudoplaque
DCM 112069 - Signet-ring sign
DCM 112070 - Air bronchiologram
DCM 112071 - Air bronchogram
DCM 112072 - Air crescent
DCM 112073 - Halo sign
DCM 112074 - Target Lesion at Baseline
DCM 112075 - Non-Target Lesion at Baseline
DCM 112076 - Non-Lesion at Baseline
DCM 112077 - Vasoconstriction
DCM 112078 - Vasodilation
DCM 112079 - Architectural distortion
DCM 112080 - Mosaic perfusion
DCM 112081 - Pleonemia
DCM 112082 - Interface
DCM 112083 - Line
DCM 112084 - Lucency
DCM 112085 - Midlung window
DCM 112086 - Carina angle
DCM 112087 - Centrilobular structures
DCM 112088 - Anterior junction line
DCM 112089 - Posterior junction line
DCM 112090 - Azygoesophageal recess interface
DCM 112091 - Paraspinal line
DCM 112092 - Posterior tracheal stripe
DCM 112093 - Right tracheal stripe
DCM 112094 - Stripe
DCM 112095 - Hiatus
DCM 112096 - Rib Scalene Tubercle
DCM 112097 - Vertebral Intervertebral Notch
DCM 112098 - Subscapular Fossa
DCM 112099 - Scapular Spine
DCM 112100 - Scapular Supraspinatus Fossa
DCM 112101 - Scapular Infraspinatus Fossa
DCM 112102 - Aortic knob
DCM 112103 - Arch of the Azygos vein
DCM 112104 - Air-fluid level
DCM 112105 - Corona radiata
DCM 112106 - Honeycomb pattern
DCM 112107 - Fleischner's line(s)
DCM 112108 - Intralobular lines
DCM 112109 - Kerley A line
DCM 112110 - Kerley B line
DCM 112111 - Kerley C lines
DCM 112112 - Parenchymal band
DCM 112113 - Reticular pattern
DCM 112114 - Septal line(s)
DCM 112115 - Subpleural line
DCM 112116 - Tramline shadow
DCM 112117 - Tubular shadow
DCM 112118 - Density
DCM 112119 - Dependent opacity
DCM 112120 - Ground glass opacity
DCM 112121 - Infiltrate
DCM 112122 - Micronodule
DCM 112123 - Phantom tumor (pseudotumor)
DCM 112124 - Shadow
DCM 112125 - Small irregular opacities
DCM 112126 - Small rounded opacities
DCM 112127 - Tree-in-bud sign
DCM 112128 - Granular pattern
DCM 112129 - Miliary pattern
DCM 112130 - Mosaic pattern
DCM 112131 - Extremely small
DCM 112132 - Very small
DCM 112133 - Too small
DCM 112134 - Elliptic
DCM 112135 - Lobulated
DCM 112136 - Spiculated
DCM 112137 - Sharply defined
DCM 112138 - Distinctly defined
DCM 112139 - Well demarcated
DCM 112140 - Sharply demarcated
DCM 112141 - Poorly demarcated
DCM 112143 - Air
DCM 112145 - Calcium
DCM 112146 - Acinar
DCM 112147 - Air space
DCM 112148 - Fibronodular
DCM 112149 - Fluffy
DCM 112150 - Linear
DCM 112151 - Profusion
DCM 112152 - Silhouette sign
DCM 112154 - Bat's wing distribution
DCM 112155 - Butterfly distribution
DCM 112156 - Centrilobular
DCM 112157 - Coalescent
DCM 112158 - Lobar
DCM 112159 - Hyper-acute
DCM 112160 - Homogeneous
DCM 112161 - Inhomogeneous
DCM 112162 - Target
DCM 112163 - Fibrocalcific
DCM 112164 - Flocculent
DCM 112171 - Fiducial mark
DCM 112172 - Portacath
DCM 112173 - Chest tube
DCM 112174 - Central line
DCM 112175 - Kidney stent
DCM 112176 - Pancreatic stent
DCM 112177 - Nipple ring
DCM 112178 - Coin
DCM 112179 - Minimum Attenuation Coefficient
DCM 112180 - Maximum Attenuation Coefficient
DCM 112181 - Mean Attenuation Coefficient
DCM 112182 - Median Attenuation Coefficient
DCM 112183 - Standard Deviation of Attenuation Coefficient
DCM 112184 - Performance of Pediatric and Adult Thoracic CT
DCM 112185 - Performance of CT for Detection of Pulmonary Embolism in Adults
DCM 112186 - Performance of High-Resolution CT of the Lungs in Adults
DCM 112187 - Unspecified method of calculation
DCM 112188 - Two-dimensional method
DCM 112189 - Three-dimensional method
DCM 112191 - Breast tissue density
DCM 112192 - Volume of parenchymal tissue
DCM 112193 - Volume of breast
DCM 112194 - Mass of parenchymal tissue
DCM 112195 - Mass of breast
DCM 112196 - Area of Vascular Calcification
DCM 112197 - Volume of Vascular Calcification
DCM 112198 - Percentage of Vascular Calcification
DCM 112199 - Mass of Vascular Calcification
DCM 112200 - Average calcification distance in a calcification cluster
DCM 112201 - Standard deviation distance of calcifications in a cluster
DCM 113000 - Of Interest
DCM 113001 - Rejected for Quality Reasons
DCM 113002 - For Referring Provider
DCM 113003 - For Surgery
DCM 113004 - For Teaching
DCM 113005 - For Conference
DCM 113006 - For Therapy
DCM 113007 - For Patient
DCM 113008 - For Peer Review
DCM 113009 - For Research
DCM 113010 - Quality Issue
DCM 113013 - Best In Set
DCM 113014 - Study
DCM 113015 - Series
DCM 113016 - Performed Procedure Step
DCM 113017 - Stage-View
DCM 113018 - For Printing
DCM 113020 - For Report Attachment
DCM 113021 - For Litigation
DCM 113022 - Collection of Presentation States
DCM 113026 - Double exposure
DCM 113030 - Manifest
DCM 113031 - Signed Manifest
DCM 113032 - Complete Study Content
DCM 113033 - Signed Complete Study Content
DCM 113034 - Complete Acquisition Content
DCM 113035 - Signed Complete Acquisition Content
DCM 113036 - Group of Frames for Display
DCM 113037 - Rejected for Patient Safety Reasons
DCM 113038 - Incorrect Modality Worklist Entry
DCM 113039 - Data Retention Policy Expired
DCM 113040 - Lossy Compression
DCM 113041 - Apparent Diffusion Coefficient
DCM 113042 - Pixel by pixel addition
DCM 113043 - Diffusion weighted
DCM 113046 - Pixel by pixel division
DCM 113047 - Pixel by pixel mask
DCM 113048 - Pixel by pixel Maximum
DCM 113049 - Pixel by pixel mean
DCM 113050 - Metabolite Maps from spectroscopy data
DCM 113051 - Pixel by pixel Minimum
DCM 113052 - Mean Transit Time
DCM 113053 - Pixel by pixel multiplication
DCM 113054 - Negative enhancement integral
DCM 113057 - R-Coefficient
DCM 113058 - Proton Density
DCM 113059 - Signal change
DCM 113060 - Signal to noise
DCM 113062 - Pixel by pixel subtraction
DCM 113063 - T1
DCM 113064 - T2*
DCM 113065 - T2
DCM 113066 - Time course of signal
DCM 113067 - Temperature encoded
DCM 113068 - Student's T-test
DCM 113069 - Time To Peak
DCM 113070 - Velocity encoded
DCM 113071 - Z-score
DCM 113072 - Multiplanar reformatting
DCM 113073 - Curved multiplanar reformatting
DCM 113074 - Volume rendering
DCM 113075 - Surface rendering
DCM 113076 - Segmentation
DCM 113077 - Volume editing
DCM 113078 - Maximum intensity projection
DCM 113079 - Minimum intensity projection
DCM 113080 - Glutamate and glutamine
DCM 113081 - Choline/Creatine Ratio
DCM 113082 - N-acetylaspartate/Creatine Ratio
DCM 113083 - N-acetylaspartate/Choline Ratio
DCM 113084 - Tmax
DCM 113085 - Spatial resampling
DCM 113086 - Edge enhancement
DCM 113087 - Smoothing
DCM 113088 - Gaussian blur
DCM 113089 - Unsharp mask
DCM 113090 - Image stitching
DCM 113091 - Spatially-related frames extracted from the volume
DCM 113092 - Temporally-related frames extracted from the set of volumes
DCM 113093 - Polar to Rectangular Scan Conversion
DCM 113094 - Creatine and Choline
DCM 113095 - Lipid and Lactate
DCM 113096 - Creatine+Choline/Citrate Ratio
DCM 113097 - Multi-energy proportional weighting
DCM 113098 - Magnetization Transfer Ratio
DCM 113100 - Basic Application Confidentiality Profile
DCM 113101 - Clean Pixel Data Option
DCM 113102 - Clean Recognizable Visual Features Option
DCM 113103 - Clean Graphics Option
DCM 113104 - Clean Structured Content Option
DCM 113105 - Clean Descriptors Option
DCM 113106 - Retain Longitudinal Temporal Information Full Dates Option
DCM 113107 - Retain Longitudinal Temporal Information Modified Dates Option
DCM 113108 - Retain Patient Characteristics Option
DCM 113109 - Retain Device Identity Option
DCM 113110 - Retain UIDs Option
DCM 113111 - Retain Safe Private Option
DCM 113112 - Retain Institution Identity Option
DCM 113130 - Predecessor containing group of imaging subjects
DCM 113131 - Extraction of individual subject from group
DCM 113132 - Single subject extracted from group
DCM 113201 - Trace
DCM 113202 - Mean Diffusivity
DCM 113203 - Radial Diffusivity
DCM 113204 - Axial Diffusivity
DCM 113205 - Mean Kurtosis
DCM 113206 - Apparent Kurtosis Coefficient
DCM 113207 - Radial Kurtosis
DCM 113208 - Axial Kurtosis
DCM 113209 - Fractional Kurtosis Anisotropy
DCM 113211 - Deterministic
DCM 113212 - Probabilistic
DCM 113213 - Global
DCM 113214 - FACT
DCM 113215 - Streamline
DCM 113216 - TEND
DCM 113217 - Bootstrap
DCM 113218 - Euler
DCM 113219 - Runge-Kutta
DCM 113224 - DSI
DCM 113231 - Single Tensor
DCM 113232 - Multi Tensor
DCM 113233 - Model Free
DCM 113234 - CHARMED
DCM 113236 - DOT
DCM 113237 - PAS
DCM 113238 - Spherical Deconvolution
DCM 113288 - Volume Ratio
DCM 113289 - Diffusion Coefficient
DCM 113290 - Mono-exponential Apparent Diffusion Coefficient
DCM 113291 - Slow Diffusion Coefficient
DCM 113292 - Fast Diffusion Coefficient
DCM 113293 - Fast Diffusion Coefficient Fraction
DCM 113294 - Kurtosis Diffusion Coefficient
DCM 113295 - Gamma Distribution Scale Parameter
DCM 113296 - Gamma Distribution Shape Parameter
DCM 113297 - Gamma Distribution Mode
DCM 113298 - Distributed Diffusion Coefficient
DCM 113299 - Anomalous Exponent Parameter
DCM 113520 - MIRD Pamphlet 1
DCM 113521 - ICRP Publication 53
DCM 113522 - ICRP Publication 80
DCM 113523 - ICRP Publication 106
DCM 113526 - MIRDOSE
DCM 113527 - OLINDA-EXM
DCM 113528 - Package Insert
DCM 113529 - Institutionally Approved Estimates
DCM 113530 - Investigational New Drug
DCM 113568 - Extravasation visible in image
DCM 113607 - Series Number
DCM 113608 - Acquisition Number
DCM 113609 - Instance Number
DCM 113611 - Stationary Acquisition
DCM 113612 - Stepping Acquisition
DCM 113613 - Rotational Acquisition
DCM 113620 - Plane A
DCM 113621 - Plane B
DCM 113622 - Single Plane
DCM 113630 - Continuous
DCM 113631 - Pulsed
DCM 113650 - Strip filter
DCM 113651 - Wedge filter
DCM 113652 - Butterfly filter
DCM 113653 - Flat filter
DCM 113661 - Outline of lobulations
DCM 113662 - Inner limits of fuzzy margin
DCM 113663 - Outer limits of fuzzy margin
DCM 113664 - Outline of spiculations
DCM 113665 - Linear spiculation
DCM 113666 - Pixelated spiculations
DCM 113669 - Orthogonal location arc
DCM 113670 - Orthogonal location arc inner margin
DCM 113671 - Orthogonal location arc outer margin
DCM 113737 - Distance Source to Reference Point
DCM 113748 - Distance Source to Isocenter
DCM 113750 - Distance Source to Detector
DCM 113751 - Table Longitudinal Position
DCM 113752 - Table Lateral Position
DCM 113753 - Table Height Position
DCM 113759 - Table Longitudinal End Position
DCM 113760 - Table Lateral End Position
DCM 113761 - Table Height End Position
DCM 113792 - Distance Source to Table Plane
DCM 113800 - DLP to E conversion via MC computation
DCM 113801 - CTDIfreeair to E conversion via MC computation
DCM 113802 - DLP to E conversion via measurement
DCM 113803 - CTDIfreeair to E conversion via measurement
DCM 113804 - Sequenced Acquisition
DCM 113805 - Constant Angle Acquisition
DCM 113806 - Stationary Acquisition
DCM 113807 - Free Acquisition
DCM 113808 - ICRP Pub 60
DCM 113841 - ICRP Pub 103
DCM 113856 - Automated Data Collection
DCM 113857 - Manual Entry
DCM 113858 - MPPS Content
DCM 113860 - 15cm from Isocenter toward Source
DCM 113861 - 30cm in Front of Image Input Surface
DCM 113862 - 1cm above Tabletop
DCM 113863 - 30cm above Tabletop
DCM 113864 - 15cm from Table Centerline
DCM 113865 - 4.2cm above Breast Support Surface
DCM 113866 - Copied From Image Attributes
DCM 113867 - Computed From Image Attributes
DCM 113868 - Derived From Human-Readable Reports
DCM 113890 - All Planes
DCM 113934 - AAPM 204 Lateral Dimension
DCM 113935 - AAPM 204 AP Dimension
DCM 113936 - AAPM 204 Sum of Lateral and AP Dimension
DCM 113937 - AAPM 204 Effective Diameter Estimated From Patient Age
DCM 113940 - System Calculated
DCM 113941 - In Detector Plane
DCM 113948 - Direct Detector
DCM 113949 - Indirect Detector
DCM 113950 - Storage Detector
DCM 113951 - Film
DCM 113952 - Table Mount
DCM 113953 - Unmounted Detector
DCM 113954 - Upright Stand Mount
DCM 113955 - C-Arm Mount
DCM 113957 - Fluoroscopy-Guided Projection Radiography System
DCM 113958 - Integrated Projection Radiography System
DCM 113959 - Cassette-based Projection Radiography System
DCM 113962 - Filtered Back Projection
DCM 113963 - Iterative Reconstruction
DCM 113964 - At Surface of Patient
DCM 113965 - 100cm from X-Ray Source
DCM 113981 - Water Equivalent Diameter Representative Value
DCM 113982 - Water Equivalent Diameter Integrated Across Scan Range
DCM 113983 - Water Equivalent Diameter From Raw Data
DCM 113984 - Water Equivalent Diameter From Localizer
DCM 113988 - Estimated from Water Equivalent Diameter
DCM 113989 - Arithmetic Average of SSDE(z)
DCM 121065 - Procedure Description
DCM 121069 - Previous Finding
DCM 121071 - Finding
DCM 121073 - Impression
DCM 121075 - Recommendation
DCM 121077 - Conclusion
DCM 121079 - Baseline
DCM 121080 - Best illustration of finding
DCM 121112 - Source of Measurement
DCM 121190 - Referenced Frames
DCM 121191 - Referenced Segment
DCM 121200 - Illustration of ROI
DCM 121206 - Distance
DCM 121207 - Height
DCM 121211 - Path length
DCM 121216 - Volume estimated from single 2D region
DCM 121217 - Volume estimated from three or more non-coplanar 2D regions
DCM 121218 - Volume estimated from two non-coplanar 2D regions
DCM 121219 - Volume of bounding three dimensional region
DCM 121220 - Volume of circumscribed sphere
DCM 121221 - Volume of ellipsoid
DCM 121222 - Volume of sphere
DCM 121224 - Acetabular angle
DCM 121227 - Line segment length
DCM 121242 - Distance from nipple
DCM 121243 - Distance from skin
DCM 121244 - Distance from chest wall
DCM 121301 - Simultaneous Doppler
DCM 121302 - Simultaneous Hemodynamic
DCM 121303 - Simultaneous ECG
DCM 121304 - Simultaneous Voice Narrative
DCM 121305 - Simultaneous Respiratory Waveform
DCM 121306 - Simultaneous Arterial Pulse Waveform
DCM 121307 - Simultaneous Phonocardiographic Waveform
DCM 121311 - Localizer
DCM 121312 - Biopsy localizer
DCM 121313 - Other partial views
DCM 121314 - Other image of biplane pair
DCM 121315 - Other image of stereoscopic pair
DCM 121316 - Images related to standalone object
DCM 121317 - Spectroscopy
DCM 121318 - Spectroscopy Data for Water Phase Correction
DCM 121320 - Uncompressed predecessor
DCM 121321 - Mask image for image processing operation
DCM 121322 - Source image for image processing operation
DCM 121323 - Source series for image processing operation
DCM 121324 - Source image
DCM 121325 - Lossy compressed image
DCM 121326 - Alternate SOP Class instance
DCM 121327 - Full fidelity image
DCM 121328 - Alternate Photometric Interpretation image
DCM 121329 - Source image for montage
DCM 121330 - Lossy compressed predecessor
DCM 121331 - Equivalent CDA Document
DCM 121332 - Complete Rendering for Presentation
DCM 121333 - Partial Rendering for Presentation
DCM 121334 - Extended Rendering for Presentation
DCM 121335 - Source Document
DCM 121338 - Anatomic image
DCM 121339 - Functional image
DCM 121340 - Spectral filtered image
DCM 121341 - Device localizer
DCM 121346 - Acquisition frames corresponding to volume
DCM 121347 - Volume corresponding to spatially-related acquisition frames
DCM 121348 - Temporal Predecessor
DCM 121349 - Temporal Successor
DCM 121358 - For Processing predecessor
DCM 121360 - Replaced report
DCM 121361 - Addended report
DCM 121362 - Preliminary report
DCM 121363 - Partial report
DCM 121370 - Composed from prior doses
DCM 121371 - Composed from prior doses and current plan
DCM 121372 - Source dose for composing current dose
DCM 121377 - Composed with radiobiological effects
DCM 121378 - Composed with weighting for fractions delivered
DCM 121410 - User chosen value
DCM 121411 - Most recent value chosen
DCM 121412 - Mean value chosen
DCM 121414 - Standard deviation of population
DCM 121415 - Percentile Ranking of measurement
DCM 121416 - Z-Score of measurement
DCM 121417 - 2 Sigma deviation of population
DCM 121420 - Equation
DCM 121421 - Equation Citation
DCM 121422 - Table of Values Citation
DCM 121423 - Method Citation
DCM 121424 - Table of Values
DCM 122073 - Current procedure evidence
DCM 122400 - Simultaneously Acquired
DCM 122401 - Same Anatomy
DCM 122402 - Same Indication
DCM 122403 - For Attenuation Correction
DCM 122485 - Sphere
DCM 125027 - Deformed for Registration
DCM 125028 - Source Deformable Spatial Registration
DCM 125030 - Inter-Hemispheric Plane
DCM 125031 - Right Hemisphere Most Anterior
DCM 125032 - Right Hemisphere Most Posterior
DCM 125033 - Right Hemisphere Most Superior
DCM 125034 - Right Hemisphere Most Inferior
DCM 125035 - Left Hemisphere Most Anterior
DCM 125036 - Left Hemisphere Most Posterior
DCM 125037 - Left Hemisphere Most Superior
DCM 125038 - Left Hemisphere Most Inferior
DCM 125040 - Background
DCM 125041 - Registration Input
DCM 125195 - Pediatric Cardiac Ultrasound Report
DCM 125196 - Fetal Cardiac Ultrasound Report
DCM 125197 - Adult Congenital Cardiac Ultrasound Report
DCM 125200 - Adult Echocardiography Procedure Report
DCM 126020 - Multiparametric MRI
DCM 126022 - Multiparametric MRI of whole body
DCM 126031 - Peak Value Within ROI
DCM 126050 - Fractal Dimension
DCM 126051 - Skewness
DCM 126052 - Kurtosis
DCM 126061 - Root Angular Second Moment of GLCM
DCM 126074 - Posttreatment
DCM 126075 - Eligibility
DCM 126080 - RECIST 1.0
DCM 126081 - RECIST 1.1
DCM 126220 - R2-Coefficient
DCM 126221 - Chi-square
DCM 126222 - D-W
DCM 126223 - AIC
DCM 126224 - BIC
DCM 126312 - Ktrans
DCM 126313 - kep
DCM 126314 - ve
DCM 126320 - IAUC
DCM 126321 - IAUC60
DCM 126322 - IAUC90
DCM 126323 - IAUC180
DCM 126324 - IAUCBN
DCM 126325 - IAUC60BN
DCM 126326 - IAUC90BN
DCM 126327 - IAUC180BN
DCM 126330 - tau_m
DCM 126331 - vp
DCM 126370 - Time of Peak Concentration
DCM 126371 - Bolus Arrival Time
DCM 126372 - Time of Leading Half-Peak Concentration
DCM 126374 - Temporal Derivative Threshold
DCM 126375 - Maximum Slope
DCM 126376 - Maximum Difference
DCM 126377 - Tracer Concentration
DCM 126390 - Absolute Regional Blood Flow
DCM 126391 - Absolute Regional Blood Volume
DCM 126392 - Oxygen Extraction Fraction
DCM 126393 - R1
DCM 126394 - R2
DCM 126395 - R2*
DCM 126396 - Magnetic Susceptibility
DCM 126397 - Relative Regional Blood Flow
DCM 126398 - Relative Regional Blood Volume
DCM 126400 - Standardized Uptake Value
DCM 126401 - SUVbw
DCM 126402 - SUVlbm
DCM 126403 - SUVbsa
DCM 126404 - SUVibw
DCM 126405 - SUVlbm(Janma)
DCM 126406 - SUVlbm(James128)
DCM 126509 - Lutetium^177^ n-acetylaspartylglutamate
DCM 126604 - ^191m^Iridium
DCM 126764 - Iodinated I^125^ DPA-713
DCM 126830 - left first
DCM 126831 - right first
DCM 126832 - posterior first
DCM 126833 - anterior first
DCM 127070 - Retro-orbital route
DCM 128137 - Geometric Centerpoint
DCM 128138 - Center of Mass
DCM 128139 - Seed point
DCM 128140 - Representative point
DCM 128141 - Boundary point
DCM 128180 - For RT Workflow
DCM 128181 - Diagnostic Source Images
DCM 128182 - Segmentation Result
DCM 128183 - Registration Result
DCM 128184 - Pre-Planning Result
DCM 128185 - RT Prescription Result
DCM 128186 - Dose Calculation Image Series
DCM 128187 - Coordinate Alignment Image Series
DCM 128188 - RT Treatment Simulation Result
DCM 128189 - RT Planning Result
DCM 128190 - Dosimetric Result
DCM 128191 - Patient Setup Verification Result
DCM 128192 - RT Treatment Session Result
DCM 128193 - RT Treatment Course Summary
DCM 128194 - RT Treatment QA Result
DCM 128195 - For Diagnosis
DCM 128196 - For Segmentation
DCM 128197 - For RT Prescription
DCM 128198 - For RT Treatment Planning
DCM 128199 - For Plan Comparison
DCM 128200 - For RT Plan Summation
DCM 128201 - For Physician Review
DCM 128202 - For Physicist Review
DCM 128203 - For Tumor Board
DCM 128204 - For Plan Quality Assurance
DCM 128205 - For Machine Quality Assurance
DCM 128206 - For Patient Setup Verification
DCM 128207 - For Clinical Trial Submission
DCM 128208 - For Tumor Registry
DCM 128209 - RT Workflow Input Used
DCM 128210 - RT Prescription Input Used
DCM 128211 - RT Treatment Planning Input Used
DCM 128212 - RT Plan Summation Input Used
DCM 128213 - Physician Review Input Used
DCM 128214 - Physicist Review Input Used
DCM 128215 - Plan Quality Assurance Input Used
DCM 128216 - Machine Quality Assurance Input Used
DCM 128217 - Patient Setup Verification Input Used
DCM 128218 - Diagnosis Input Used
DCM 128219 - Contouring Input Used
DCM 128220 - Plan Comparison Input Used
DCM 128221 - Tumor Board Input Used
DCM 128222 - Tumor Registry Input Used
DCM 128223 - Clinical Trial Submission Input Used
DCM 128224 - Source measurement
DCM 128225 - Source report
DCM 128226 - Source raw data
DCM 128227 - Source real world value map
DCM 128250 - Structural image for image processing
DCM 128251 - Flow image for image processing
DCM 128289 - Outer surface of RNFL
DCM 128290 - Outer surface of GCL
DCM 128291 - Outer surface of IPL
DCM 128292 - Outer surface of INL
DCM 128293 - Outer surface of OPL
DCM 128294 - Outer surface of HFL
DCM 128295 - Surface between Inner and Outer Segments of the photoreceptors
DCM 128296 - Surface of the interdigitating zone between retina and RPE
DCM 128297 - Anterior surface of the RPE
DCM 128298 - Surface of the center of the RPE
DCM 128299 - Posterior surface of the RPE
DCM 128300 - Outer surface of the BM
DCM 128301 - Surface of the choroid-sclera interface
DCM 128302 - Outer surface of the CC
DCM 128303 - OCT B-scan analysis
DCM 128512 - Equivalent Dose
DCM 128513 - Absorbed Dose
DCM 128553 - Patient motion
DCM 128554 - Suboptimal contrast timing
DCM 128702 - Diode Array
DCM 128703 - Ion Chamber Array
DCM 128704 - Diode
DCM 128705 - Liquid Ion Chamber
DCM 128706 - OSLD
DCM 128707 - Ion Chamber
DCM 128708 - Diamond Detector
DCM 128709 - RPLGD
DCM 128710 - For Teaching File Export
DCM 128711 - For Clinical Trial Export
DCM 128713 - For Research Collection Export
DCM 128714 - For Publication Export
DCM 128766 - Table X Position to Isocenter
DCM 128767 - Table Y Position to Isocenter
DCM 128768 - Table Z Position to Isocenter
DCM 128769 - Table X End Position to Isocenter
DCM 128770 - Table Y End Position to Isocenter
DCM 128771 - Table Z End Position to Isocenter
DCM 129100 - Fat fraction
DCM 129101 - Water/fat in phase
DCM 129102 - Water/fat out of phase
DCM 129103 - Water fraction
DCM 129104 - Perfusion image analysis
DCM 129105 - Diffusion image analysis
DCM 129106 - Diffusion tractography
DCM 129201 - Image used for Treatment Planning
DCM 129202 - Image used for Dose Calculation
DCM 129203 - Image Acquired during Treatment
DCM 129204 - Image used as Reference Image for Treatment
DCM 130078 - Brachytherapy source applicator
DCM 130079 - Brachytherapy channel shield
DCM 130080 - Brachytherapy channel
DCM 130086 - Relative Linear Stopping Power
DCM 130110 - Headframe
DCM 130111 - Head Mask
DCM 130112 - Head and Neck Mask
DCM 130113 - Mold
DCM 130114 - Cast
DCM 130116 - Breast Board
DCM 130117 - Body Frame
DCM 130118 - Vacuum Mold
DCM 130119 - Whole Body Pod
DCM 130120 - Rectal Balloon
DCM 130121 - Vaginal Cylinder
DCM 130290 - Median
DCM 130370 - RTV Rendition
DCM 130371 - RTV Audio and Video Rendition
DCM 130372 - RTV Stereo Video Rendition
DCM 130373 - RTV Audio and Stereo Video Rendition
DCM 130402 - Class activation
DCM 130403 - Gradient-weighted class activation
DCM 130404 - Saliency
DCM 130490 - Centerline
DCM 130614 - Interquartile Range of population
DCM 130615 - Interquartile Range to Median ratio of population
DCM 130653 - Breast Bridge
DCM 130654 - Abdominal Compression Belt
DCM 130655 - Abdominal Compression Arch
DCM 130656 - Head Fixation Board
DCM 130750 - Quality control material image
DCM 130751 - Tissue not of interest
DCM 130852 - Shin Rest
DCM 130853 - Heel Stop
DCM 130854 - Hand Grips
DCM 130855 - Seat Pan
DCM AR - Autorefraction
DCM ARCHIVE - Archive
DCM ASMT - Content Assessment Result
DCM AU - Basic Voice Audio
DCM BDUS - Ultrasound Bone Densitometry
DCM BI - Biomagnetic Imaging
DCM BMD - Bone Mineral Densitometry
DCM CAD - Computer Assisted Detection/Diagnosis
DCM CAPTURE - Image Capture
DCM CFM - Confocal Microscopy
DCM COMP - Computation Server
DCM CR - Computed Radiography
DCM CT - Computed Tomography
DCM CTPROTOCOL - CT Protocol
DCM DG - Diaphanography
DCM DMS - Dermoscopy
DCM DOC - Document
DCM DOCD - Document Digitizer Equipment
DCM DSS - Department System Scheduler
DCM DX - Digital Radiography
DCM ECG - Electrocardiography
DCM EEG - Electroencephalography
DCM EMG - Electromyography
DCM EOG - Electrooculography
DCM EPS - Cardiac Electrophysiology
DCM ES - Endoscopy
DCM FID - Spatial Fiducials
DCM FILMD - Film Digitizer
DCM GM - General Microscopy
DCM HC - Hard Copy
DCM HD - Hemodynamic Waveform
DCM IO - Intra-oral Radiography
DCM IOL - Intraocular Lens Calculation
DCM IVOCT - Intravascular Optical Coherence Tomography
DCM IVUS - Intravascular Ultrasound
DCM KER - Keratometry
DCM KO - Key Object Selection
DCM LEN - Lensometry
DCM LOG - Procedure Logging
DCM LS - Laser Scan
DCM M3D - 3D Manufacturing Modeling System
DCM MCD - Media Creation Device
DCM MEDIM - Portable Media Importer Equipment
DCM MG - Mammography
DCM MR - Magnetic Resonance
DCM NM - Nuclear Medicine
DCM OAM - Ophthalmic Axial Measurements
DCM OCT - Optical Coherence Tomography
DCM OP - Ophthalmic Photography
DCM OPM - Ophthalmic Mapping
DCM OPT - Ophthalmic Tomography
DCM OPTBSV - Ophthalmic Tomography B-scan Volume Analysis
DCM OPTENF - Ophthalmic Tomography En Face
DCM OPV - Ophthalmic Visual Field
DCM OSS - Optical Surface Scanner
DCM OT - Other
DCM PA - Photoacoustic
DCM PLAN - Plan
DCM POS - Position Sensor
DCM PR - Presentation State
DCM PRINT - Hard Copy Print Server
DCM PT - Positron emission tomography
DCM PX - Panoramic X-Ray
DCM REG - Registration
DCM RESP - Respiratory Waveform
DCM RF - Radiofluoroscopy
DCM RG - Radiographic imaging
DCM RT - Radiation Therapy Device
DCM RTDOSE - RT Dose
DCM RTIMAGE - RT Image
DCM RTPLAN - RT Plan
DCM RTRECORD - RT Treatment Record
DCM RTSTRUCT - RT Structure Set
DCM RWV - Real World Value Map
DCM SEG - Segmentation
DCM SM - Slide Microscopy
DCM SMR - Stereometric Relationship
DCM SR - Structured Report Document
DCM SRF - Subjective Refraction
DCM STAIN - Automated Slide Stainer
DCM TEXTUREMAP - Texture Map
DCM TG - Thermography
DCM US - Ultrasound
DCM VA - Visual Acuity
DCM VIDD - Video Tape Digitizer Equipment
DCM WSD - Workstation
DCM XA - X-Ray Angiography
DCM XC - External-camera Photography
LN 11329-0 - History
LN 11524-0 - ECG Report
LN 11525-3 - Ultrasound Obstetric and Gyn Report
LN 11528-7 - Radiology Report
LN 18745-0 - Cardiac Catheterization Report
LN 18748-4 - Diagnostic Imaging Report
LN 18750-0 - Cardiac Electrophysiology Report
LN 18752-6 - Exercise Stress Test Report
LN 18754-2 - Holter Study Report
LN 18756-7 - MRI Spine Report
LN 18783-1 - Recommendations
LN 18785-6 - Indications for Procedure
LN 18834-2 - Previous Findings
LN 19005-8 - Impressions
LN 24534-0 - US Doppler Abdominal Vessels Report
LN 24590-2 - MRI Head Report
LN 24601-7 - US Breast Report
LN 24606-6 - Mammography Screening Report
LN 24616-5 - US Carotid Arteries Report
LN 24627-2 - CT Chest
LN 24628-0 - CT Chest W contrast IV
LN 24725-4 - CT Head Report
LN 24733-8 - US Doppler Head Vessels Report
LN 24859-1 - US Pancreas Report
LN 24884-9 - US Prostate (transrectal) Report
LN 24907-8 - US Shoulder Report
LN 24990-4 - US Spleen Report
LN 25002-7 - US Scrotum and Testicle Report
LN 25010-0 - US Thyroid Report
LN 25045-6 - CT unspecified body region
LN 25056-3 - MRI unspecified body region
LN 25061-3 - Ultrasound Report
LN 28614-6 - US Liver Report
LN 29252-4 - CT Chest WO contrast
LN 29549-3 - Medications Administered
LN 30598-7 - CT Chest WO and W contrast IV
LN 30695-1 - Nuclear Medicine Thyroid Scan Report
LN 30804-9 - CTA Chest vessels WO and W contrast IV
LN 36141-0 - CTA Thoracic and abdominal aorta W contrast IV
LN 36142-8 - CT Thoracic and abdominal aorta W contrast IV
LN 36144-4 - CTA Aortic arch W contrast IV
LN 36147-7 - CTA Pulmonary arteries W contrast IV
LN 38036-0 - US Kidney Report
LN 38269-7 - DEXA Skeletal System Study Report
LN 39036-9 - US Vein Report
LN 39142-5 - CT perfusion head with contrast IV
LN 39445-2 - US Doppler Vessels Report
LN 39448-6 - US Doppler Upper Extremity Vessels Report
LN 39453-6 - US Tendon Report
LN 39632-5 - SPECT brain
LN 41806-1 - CT Abdomen Report
LN 42148-7 - Echocardiography Report
LN 43468-8 - X-Ray Report
LN 43771-5 - US Doppler Extremity Vessels Report
LN 44136-0 - PET unspecified body region
LN 44139-4 - PET whole body
LN 44174-1 - US Doppler Lower Extremity Vessels Report
LN 46375-2 - US Artery Report
LN 47048-4 - Diagnostic Interventional Radiology Report
LN 49118-3 - Nuclear Medicine Report
LN 49512-7 - Fluoroscopy Study Report
LN 55107-7 - Addendum
LN 55108-5 - Patient Presentation
LN 55109-3 - Complications
LN 55110-1 - Conclusions
LN 55111-9 - Current Procedure Descriptions
LN 55112-7 - Summary
LN 55113-5 - Key Images
LN 55114-3 - Prior Procedure Descriptions
LN 55115-0 - Request
LN 55752-0 - Clinical Information
LN 59776-5 - Findings
LN 73568-8 - Communication of Critical Results
LN 73569-6 - Radiation Exposure and Protection Information
LN 79086-5 - CT Chest for screening WO contrast
LN 87279-6 - CT Chest for screening
RADLEX RID10321 - computed tomography
RADLEX RID1243 - thorax
RADLEX RID1301 - lung
RADLEX RID1384 - mediastinum
RADLEX RID1385 - heart
RADLEX RPID16 - CT Chest wo IV Contrast
SCT 10119003 T-47340 Deep Palmar Arch of Radial Artery
SCT 1017210004 - Left lumbar region
SCT 1017211000 - Right lumbar region
SCT 10200004 T-62000 Liver
SCT 102292000 T-14668 Muscle of lower limb
SCT 102298001 T-35020 Chordae tendineae cordis
SCT 102304005 A-10141 Measuring ruler
SCT 102312002 A-25600 Atherectomy device
SCT 102313007 A-25610 Rotational atherectomy device
SCT 102314001 A-25612 Embolization coil
SCT 102315000 A-25614 Embolization ball
SCT 102316004 A-25616 Embolization particulate
SCT 102317008 A-26802 Guiding catheter
SCT 102319006 A-26912 Percutaneous transluminal angioplasty balloon
SCT 102320000 A-27322 Detachable balloon
SCT 102322008 A-2C600 External prosthesis for sonographic procedure [Stand-off]
SCT 102323003 A-2C602 Water bag prosthesis for imaging procedure
SCT 102324009 A-2C604 Saline bag prosthesis for imaging procedure
SCT 102325005 A-2C606 Gel prosthesis for imaging procedure
SCT 102378009 A-32475 BB shot (Lead Pellet)
SCT 102535000 F-10317 right lateral decubitus
SCT 102536004 F-10319 left lateral decubitus
SCT 102538003 F-10450 recumbent
SCT 102539006 F-10460 semi-erect
SCT 102540008 F-10470 headfirst
SCT 102541007 F-10480 feet-first
SCT 10293006 T-46700 Iliac artery
SCT 103339001 G-A185 Long axis
SCT 103340004 G-A186 Short axis
SCT 103341000 G-A187 Off axis
SCT 103342007 G-A188 Mid-longitudinal
SCT 103343002 G-A189 Parasagittal
SCT 103355008 G-A220 Width
SCT 105590001 F-61002 Substance
SCT 10712001 C-A2010 Glucagon preparation
SCT 107671003 M-520F8 vascular sclerosis
SCT 10781003 C-B1142 Sodium phosphate P^32^
SCT 1078209008 - C2/C3 disc
SCT 108369006 M-8FFFF Neoplasm
SCT 10904000 F-10320 standing
SCT 109212003 C-B0314 Sodium tyropanoate
SCT 109216000 C-B0321 Gadopentetate dimeglumine
SCT 109218004 C-B0322 Iohexol
SCT 109219007 C-B0329 Iopamidol
SCT 109222009 C-B0332 Ioversol
SCT 10944007 F-64460 Tuarine
SCT 11000004 T-A3200 Caudate Nucleus
SCT 1101003 T-D1400 Intracranial
SCT 110517009 T-11011 Vertebral column and cranium
SCT 110568007 T-48820 Gastric vein
SCT 110612005 T-59490 Anus, rectum and sigmoid colon
SCT 110621006 T-65600 Pancreatic duct and bile duct systems
SCT 110639002 T-88920 Uterus and fallopian tubes
SCT 11068009 T-11780 T8 vertebra
SCT 11070000 G-A171 Capsular
SCT 110726009 T-DD006 Trachea and bronchus
SCT 110837003 T-DD123 Bladder and urethra
SCT 110861005 T-DD163 Esophagus, stomach and duodenum
SCT 11089000 T-A6620 Superior cerebellar peduncle
SCT 111002 T-B7000 Parathyroid
SCT 111017005 M-78066 Injection site scar
SCT 111084009 C-158A3 ^85^Strontium
SCT 111139005 C-80120 Inotropic agent
SCT 111158001 C-B0337 Propyliodone
SCT 111159009 C-B1085 Rose Bengal sodium I^131^
SCT 111160004 C-B1086 Sodium iodide I^131^
SCT 111161000 C-B1151 Potassium carbonate K^42^
SCT 111162007 C-B1211 Technetium Tc^99m^ stannous etidronate
SCT 111289009 D3-40208 Pulmonary arteriovenous fistula
SCT 112233002 G-A428 Marginal
SCT 11279006 T-45520 Circle of Willis
SCT 113197003 T-11300 Rib
SCT 113198008 T-11304 Tubercle of rib
SCT 113205007 T-11630 C3 vertebra
SCT 113209001 T-1179B T9/T10 disc
SCT 113257007 T-30000 Cardiovascular system
SCT 113262008 T-42070 Thoracic aorta
SCT 113264009 T-45230 Lingual artery
SCT 113269004 T-46910 External iliac artery
SCT 113270003 T-47420 Left femoral artery
SCT 113273001 T-48520 Inferior right pulmonary vein
SCT 113305005 T-A6000 Cerebellum
SCT 113342003 T-D0048 Lumen
SCT 113346000 T-D4450 Omental bursa
SCT 1142228004 - Abdominal wall muscle
SCT 115391007 F-65C50 N-acetylaspartate
SCT 116152004 P5-08001 Spiral Acquisition
SCT 116224001 DD-60002 Complication of Procedure
SCT 11628009 T-A0103 Telencephalon
SCT 1162814007 - Non-infiltrating intraductal carcinoma
SCT 11708003 T-D4240 Hypogastric region
SCT 11713004 C-10120 Water
SCT 117133000 T-D3141 First Intercostal Space
SCT 117134006 T-D3142 Second Intercostal Space
SCT 117135007 T-D3143 Third Intercostal Space
SCT 117136008 T-D3144 Fourth Intercostal Space
SCT 117137004 T-D3145 Fifth Intercostal Space
SCT 117138009 T-D3146 Sixth Intercostal Space
SCT 117139001 T-D3147 Seventh Intercostal Space
SCT 117140004 T-D3148 Eighth Intercostal Space
SCT 117141000 T-D3149 Ninth Intercostal Space
SCT 117142007 T-D314A Tenth Intercostal Space
SCT 117143002 T-D314B Eleventh Intercostal Space
SCT 11723008 G-4022 Contact with
SCT 117590005 T-AB001 Ear
SCT 1182007 C-81100 Hypotensive agent
SCT 118375008 A-04140 Vascular graft
SCT 118378005 A-11101 Cardiac Pacemaker
SCT 118565006 G-D705 Volume
SCT 118755002 T-32423 Trabeculae carnae
SCT 11896004 G-A114 Intermediate
SCT 119238007 T-D0558 Brain Stem
SCT 1193009 T-13640 Teres major muscle
SCT 119376003 G-8300 tissue specimen
SCT 119406000 T-D0593 Thalamus
SCT 1197041002 - Intercostal
SCT 11994002 T-11940 L4 vertebra
SCT 120234003 T-46659 Segmental Artery
SCT 12052000 T-46980 Ovarian Artery
SCT 120576005 T-D0634 Fascial layer
SCT 12123001 T-48170 Internal jugular vein
SCT 12130007 G-D109 Intra-articular route
SCT 1217253001 - Lumbo-sacral spine
SCT 1217254007 - Sacro-coccygeal Spine
SCT 1217256009 - Thoraco-lumbar spine
SCT 1217257000 - Cervico-thoracic spine
SCT 122489005 T-70001 Urinary system
SCT 122494005 T-11501 Cervical spine
SCT 122495006 T-11502 Thoracic spine
SCT 122496007 T-11503 Lumbar spine
SCT 1228950008 - pTX
SCT 1228951007 - pT0
SCT 1228953005 - pTis
SCT 1228954004 - pTis (DCIS)
SCT 1228956002 - pTis (Paget)
SCT 1228957006 - pT1
SCT 1228958001 - pT1mi
SCT 1228959009 - pT1a
SCT 1228962007 - pT1b
SCT 122972007 T-48581 Pulmonary vein
SCT 1229846008 - pT1c
SCT 1229852009 - pT2
SCT 1229859000 - pT3
SCT 1229864001 - pT4
SCT 1229865000 - pT4a
SCT 1229866004 - pT4b
SCT 1229867008 - pT4c
SCT 1229868003 - pT4d
SCT 1229901006 - cM0
SCT 1229916009 - pM1
SCT 1229945006 - pNX
SCT 1229947003 - pN0
SCT 1229951001 - pN1
SCT 1229957002 - pN2
SCT 1229959004 - pN2a
SCT 1229960009 - pN2b
SCT 1229962001 - pN3
SCT 1229963006 - pN3a
SCT 1229964000 - pN3b
SCT 1229965004 - pN3c
SCT 1231004 T-A1110 Meninges
SCT 1231522001 - Pelvis and lower extremities
SCT 12335007 C-B0317 Diatrizoate
SCT 123851003 T-D0662 Mouth
SCT 1240000 F-10310 prone
SCT 12402003 M-78060 Scar tissue
SCT 125001 C-B1123 Ferrous sulfate Fe^59^
SCT 12503006 C-12000 Aluminum
SCT 1256091001 - Left Main Coronary Artery Ostium
SCT 125701003 C-B1184 Strontium chloride Sr^89^
SCT 1259221004 - Intracorpus cavernosum route
SCT 12597001 C-13900 Tin
SCT 126065006 A-26434 Jejunostomy tube
SCT 12691009 T-46010 Innominate artery
SCT 12738006 T-A0100 Brain
SCT 12800002 T-43212 Right posterior AV Coronary Artery
SCT 12801003 C-B0326 Iodamide meglumine
SCT 128319008 T-A0190 Intracranial structure
SCT 128320002 T-A0191 Cranial venous system
SCT 128548003 T-49424 Boyd's perforating vein
SCT 128549006 T-49426 Cockett's perforating vein
SCT 128551005 D3-81922 Aortic fistula
SCT 128553008 T-49215 Antecubital vein
SCT 128554002 T-49429 Dodd's perforating vein
SCT 128555001 D4-32504 Congenital coronary artery fistula to left atrium
SCT 128556000 D4-32506 Congenital coronary artery fistula to left ventricle
SCT 128557009 D4-32509 Congenital coronary artery fistula to right atrium
SCT 128558004 D4-32510 Congenital coronary artery fistula to right ventricle
SCT 128559007 T-47490 Genicular artery
SCT 128560002 T-4942A Hunterian perforating vein
SCT 128563000 D4-31052 Juxtaposed atrial appendage
SCT 128564006 T-32602 Apex of left ventricle
SCT 128565007 T-32502 Apex of right ventricle
SCT 128566008 D4-33512 Pulmonary vein confluence
SCT 128567004 D4-33514 Pulmonary venous atrium
SCT 128568009 D4-33516 Systemic venous atrium
SCT 128569001 T-49535 Posterior medial tributary
SCT 128583004 T-4884A Mesenteric vein
SCT 128584005 D4-33142 Pulmonary artery conduit
SCT 128585006 T-48503 Anomalous pulmonary vein
SCT 128586007 T-32190 Pulmonary chamber of cor triatriatum
SCT 128587003 T-D930A Saphenofemoral junction
SCT 128589000 T-44007 Systemic collateral artery to lung
SCT 12872006 T-11301 Head of rib
SCT 128979005 T-45416 Lacrimal artery of right eye
SCT 128981007 A-00203 Baffle
SCT 1290849002 - Dental radiography
SCT 129460009 A-10042 Compression paddle
SCT 129463006 A-1016B J Wire
SCT 129467007 A-16016 ID Plate
SCT 129501009 C-B1032 Sodium fluoride F^18^
SCT 12958003 T-A7020 Spinal cord gray matter
SCT 129722001 F-01722 Finding partially removed
SCT 129723006 F-01723 No significant changes in the finding
SCT 129728002 F-01728 Less defined
SCT 129729005 F-01729 More defined
SCT 129749001 F-01761 Coarse (popcorn-like) calcification
SCT 129751002 F-01763 Eggshell calcification
SCT 12989004 T-117B0 T11 vertebra
SCT 13024002 T-17010 Tendon
SCT 131183008 G-A15A Intra-articular
SCT 131184002 G-A16A Area of defined region
SCT 131185001 G-A18A Vertical Long Axis
SCT 131186000 G-A18B Horizontal Long Axis
SCT 131187009 G-A193 Major Axis
SCT 131188004 G-A194 Minor Axis
SCT 131189007 G-A195 Perpendicular Axis
SCT 131190003 G-A196 Radius
SCT 131191004 G-A197 Perimeter
SCT 131192006 G-A198 Diameter of circumscribed circle
SCT 131197000 G-D785 Depth
SCT 13132007 C-A7220 Dextran
SCT 13363002 T-47600 Posterior tibial artery
SCT 133884007 P5-B3402 Spatial collocation analysis
SCT 133885008 P5-B3404 Spatial proximity analysis
SCT 133886009 P5-B3406 Temporal correlation
SCT 133887000 P5-B3408 Image quality analysis
SCT 133945003 T-D4211 Left hypochondriac region
SCT 133946002 T-D4212 Right hypochondriac region
SCT 13418002 T-32650 Left ventricle outflow tract
SCT 134223000 R-41727 Narrow
SCT 13647002 T-43200 Right Coronary Artery
SCT 13648007 T-75000 Urethra
SCT 1368003 C-114B1 ^131^Iodine
SCT 13881006 T-11166 Zygoma
SCT 14106009 A-11100 Cardiac pacemaker
SCT 14205002 F-10346 lithotomy
SCT 14293000 T-11920 L2 vertebra
SCT 14414005 G-A111 Peripheral
SCT 14510004 T-11307 Angle of rib
SCT 14529005 C-178A8 ^153^Gadolinium
SCT 14691008 C-162A7 ^90^Yttrium
SCT 14738005 T-A3500 Globus Pallidus
SCT 14742008 T-59000 Large intestine
SCT 14799000 M-80006 Neoplasm, Secondary
SCT 14804005 F-61380 Creatine
SCT 14806007 T-11610 C1 vertebra
SCT 14944004 T-F7001 Primitive aorta
SCT 14975008 T-D8500 Forearm
SCT 15158005 A-80230 Air
SCT 1537001 T-117BB T11/T12 disc
SCT 15425007 T-D4400 Peritioneum
SCT 15454001 M-02520 Increase in size
SCT 15497006 T-87000 Ovary
SCT 15665001 T-14172 Latissimus dorsi muscle
SCT 15672000 T-45270 Superficial temporal artery
SCT 15763003 T-46668 Perforating Artery of Kidney
SCT 15776009 T-65000 Pancreas
SCT 15825003 T-42000 Aorta
SCT 15869005 A-2C090 Dosimeter
SCT 1626008 T-11730 T3 vertebra
SCT 16630005 T-A2300 Parietal lobe
SCT 16838000 D2-81180 Pneumomediastinum
SCT 168537006 P5-009FA Plain radiography
SCT 16857009 G-D164 Vaginal route
SCT 169014003 P5-0600F Fluoroscopy and radiography
SCT 16932000 F-52840 Nausea and vomiting
SCT 16953009 T-15430 Elbow joint
SCT 16982005 T-D2220 Shoulder
SCT 17069007 C-B1140 Chromic phosphate P^32^
SCT 170887008 T-D161E Submental
SCT 17137000 T-47160 Brachial artery
SCT 17232002 T-45600 Middle Cerebral Artery
SCT 17269004 T-43211 Posterolateral branch of right Coronary Artery
SCT 1732005 T-C6510 Thoracic Duct
SCT 17388009 T-45730 Anterior spinal artery
SCT 17399006 T-11308 Costal groove
SCT 17600005 C-B1000 Diagnostic radioisotope
SCT 17621005 G-A460 Normal
SCT 17623008 T-49330 Ulnar vein
SCT 18112008 T-46422 Proper Hepatic Artery
SCT 181347005 T-47402 Common Femoral Artery
SCT 181349008 T-47403 Superficial Femoral Artery
SCT 181900008 T-116EE Superior articular facet of axis
SCT 181901007 T-116EF Inferior articular facet of axis
SCT 18346003 T-14140 Serratus anterior muscle
SCT 18545000 T-A1120 Dura mater
SCT 18619003 T-AA110 Sclera
SCT 18686000 T-14120 Pectoralis minor muscle
SCT 187006 C-B1021 Cyanocobalamin Co^57^
SCT 18911002 T-91000 Penis
SCT 18962004 T-23050 Endo-nasopharyngeal
SCT 19041007 C-815E1 Tolazoline hydrocholoride
SCT 19100000 T-04003 Lower inner quadrant of breast
SCT 1918003 T-42510 Supra-renal Aorta
SCT 19227008 M-30400 Foreign material (iodized oil, mercury,talc)
SCT 19443004 A-04034 Radioactive implant
SCT 19495007 C-B1206 Sodium pertechnetate Tc^99m^
SCT 194996006 T-48403 Anterior cardiac vein
SCT 195073003 T-48405 Smallest Cardiac Vein
SCT 195164009 T-48406 Atrial Vein
SCT 195328002 T-48404 Ventricular Vein
SCT 195416006 T-484A4 Inferior cardiac vein
SCT 195496005 T-48407 Atrioventricular Vein
SCT 19648000 G-A321 Diffuse
SCT 19695001 T-D4210 Subcostal
SCT 19715009 T-49230 Basilic vein
SCT 19776001 M-02530 Decrease in size
SCT 19923001 A-26800 Catheter
SCT 19939008 G-A561 Subacute
SCT 2008008 C-131A2 ^67^Gallium
SCT 20115005 T-49350 Brachial vein
SCT 20233005 T-98000 Scrotum
SCT 20298003 T-11227 Xiphoid process of sternum
SCT 20406008 - Backrest
SCT 206034008 T-4630D Esophageal artery
SCT 20699002 T-49240 Cephalic vein
SCT 2095001 T-22000 Paranasal sinus
SCT 20982000 T-40050 Capillary
SCT 21114003 G-A472 Oblique
SCT 21306003 T-58400 Jejunum
SCT 21387005 T-11190 Hyoid bone
SCT 21479005 T-45170 Carotid Bulb
SCT 21483005 T-A0090 Central nervous system
SCT 21572004 C-114A4 ^123^Iodine
SCT 2160002 T-42370 Ligamentum arteriosum
SCT 21793004 T-1A200 Connective tissue
SCT 21807003 T-46427 Left Branch of Hepatic Artery
SCT 21814001 T-32400 Ventricle
SCT 21974007 T-53000 Tongue
SCT 22083002 T-46460 Splenic artery
SCT 22270008 T-28630 Anterior segment of left upper lobe
SCT 22286001 T-45200 External carotid artery
SCT 22356005 T-12340 Ilium
SCT 224727009 A-00435 Wall
SCT 22688005 T-13100 Muscle of head
SCT 22765000 T-43230 Marginal Coronary Artery
SCT 22823000 T-13310 Sternocleidomastoid muscle
SCT 228745001 A-01105 Bite block
SCT 228761004 A-0110F Collimator
SCT 22945000 T-AB700 Inner ear
SCT 22979004 C-B1083 Oleic acid I^125^
SCT 23053002 C-B0333 Iophenoxic acid
SCT 23074001 T-45240 Facial artery
SCT 23180006 T-A1280 Pia mater
SCT 23215003 T-117C0 T12 vertebra
SCT 23242002 F-10336 knee-chest
SCT 2334006 T-72100 Calyx
SCT 234171009 D3-04006 Drug-induced hypotension
SCT 23438002 T-49660 Profunda Femoris Vein
SCT 23451007 T-B3000 Adrenal gland
SCT 23771002 T-46410 Gastric Artery
SCT 23788009 C-180A2 ^97^Ruthenium
SCT 24020000 G-A142 Horizontal
SCT 24028007 G-A100 Right
SCT 24062007 T-14165 Innermost intercostal muscles
SCT 24099007 C-10110 Oxygen
SCT 24136001 T-15710 Hip joint
SCT 241686001 P5-00027 Dual energy X-Ray absorptiometry
SCT 24301009 C-146A9 ^198^Gold
SCT 24389009 M-44150 Injection site granuloma
SCT 24422004 G-A147 Axial
SCT 244251006 T-43002 1st Septal Coronary Artery
SCT 244252004 T-43003 Intermediate Artery (Ramus)
SCT 244411005 T-4940E Iliac vein
SCT 244415001 T-4941A Saphenopopliteal junction
SCT 244453006 T-A800B Optic chiasm
SCT 24484000 G-A003 Severe
SCT 24511001 C-B1221 Technetium Tc^99m^ succimer
SCT 246464006 R-42019 Function
SCT 24853006 C-136A2 ^223^Radium
SCT 24924006 T-11120 Parietal bone
SCT 25062003 A-26430 Feeding tube
SCT 25064002 F-A2700 Headache
SCT 25173007 G-F517 Recurrence of tumor
SCT 25238003 T-A8000 Cranial nerve
SCT 253276007 D4-31005 Common atrium
SCT 25342003 T-AB300 Middle ear
SCT 25419009 C-12217 Barium Sulfate
SCT 25489000 T-39050 Pericardial cavity
SCT 25510005 A-04110 Heart valve prosthesis
SCT 255208005 R-40356 Ipsilateral
SCT 255209002 R-40357 Contralateral
SCT 255235001 R-411C0 Pre-dose
SCT 255282008 M-020FA Discoid
SCT 255288007 R-403A7 Nodular
SCT 255507004 R-404A8 Small
SCT 255508009 R-404A9 Medium
SCT 255509001 R-404AA Large
SCT 255549009 R-404CC Anterior
SCT 255551008 R-404CE Posterior
SCT 255561001 R-404D5 Medial
SCT 255566006 R-404DA Post-dose
SCT 255604002 R-404FA Mild
SCT 255605001 R-404FB Minimum
SCT 255619001 R-40507 Total
SCT 256674009 T-D008A Fat
SCT 257409000 A-14611 Vena cava filter
SCT 25761002 F-64210 Glutamine
SCT 258090004 R-41D2D Calculated
SCT 258104002 R-41D41 Measured
SCT 258177008 P5-09051 Magnetic resonance imaging guidance
SCT 25990002 T-72000 Renal pelvis
SCT 25991003 T-A6040 Cerebellar Cortex
SCT 260376009 R-40750 Enlarged
SCT 260409000 R-40771 Well defined
SCT 260426006 R-40782 medial oblique
SCT 260427002 R-40783 lateral oblique
SCT 260450008 R-40799 lordotic
SCT 260499007 R-40810 Occlusal projection
SCT 260521003 R-40819 Internal
SCT 260787004 A-00004 Physical object
SCT 26079004 F-A4600 Shaking
SCT 261074009 R-40941 External
SCT 261089000 R-4094A Inferior
SCT 261129000 G-A10A Midline
SCT 26194003 C-16400 Tungsten
SCT 2620004 T-1173B T3/T4 disc
SCT 262061000 R-413B7 Post-operative
SCT 262068006 R-413C5 Pre-operative
SCT 26216008 G-A110 Central
SCT 26230003 T-A2830 Uncinate fasciculus
SCT 262301009 A-00D7B Opaque Marker
SCT 262502001 R-41AEA Post-chemotherapy
SCT 26283006 G-A139 Superficial
SCT 263654008 R-42037 Abnormal
SCT 26370007 C-A7000 Hemostatic agent
SCT 263706005 R-4205A Circumscribed
SCT 263972004 T-A1509 Cerebellar Subarachnoid Space
SCT 264045001 R-42142 Intraluminal
SCT 26412008 A-25350 Endotracheal tube
SCT 264208000 R-4218D Subcostal
SCT 264217000 R-42191 Superior
SCT 264293000 T-41065 Coronary artery graft
SCT 26444007 T-12200 Pectoral girdle
SCT 264481007 T-4942D Gastrocnemius vein
SCT 264908009 R-424A6 Post-radiation
SCT 26493002 T-11218 Suprasternal notch
SCT 26527006 F-10349 inverse Trendelenburg
SCT 26643006 G-D140 Oral route
SCT 26703007 T-49630 Anterior Tibial Vein
SCT 267036007 F-201B3 Dyspnea
SCT 26805005 T-49550 Lesser Saphenous Vein
SCT 26818002 T-47240 Superficial Palmar Arch
SCT 26893007 T-D7000 Inguinal region
SCT 27054007 C-144A3 ^57^Cobalt
SCT 27065002 A-13500 Suture
SCT 27081007 C-172A5 ^127^Xenon
SCT 27088001 T-A7070 Spinal cord white matter
SCT 27175001 T-46970 Testicular Artery
SCT 271801002 F-5005E Taste sense altered
SCT 272180002 A-00916 Clothing
SCT 272287005 A-04036 Inlay Dental Restoration
SCT 272479007 R-40888 postero-anterior
SCT 272519000 R-4089B Absent
SCT 272710004 T-D0170 Bone of thorax
SCT 272998002 T-48725 Right Hepatic Vein
SCT 273099000 T-48726 Middle Hepatic Vein
SCT 273202007 T-48727 Left Hepatic Vein
SCT 27398004 T-D4600 Omentum
SCT 274060004 T-4667C Lobar Artery
SCT 274143007 T-4667D Interlobar Artery of Kidney
SCT 274231001 T-4668A Arcuate Artery of the Kidney
SCT 274329007 T-4667E Interlobular Artery of Kidney
SCT 274640006 F-03261 Chills and fever
SCT 2748008 T-A7010 Spinal cord
SCT 27483000 P5-00100 Diagnostic radiography with contrast media
SCT 27606000 A-04200 Dental Prosthesis
SCT 27706005 T-48502 Left Pulmonary Vein
SCT 277671009 R-400B2 Intraoperative
SCT 277956007 T-D054F Couinaud hepatic segment II
SCT 277957003 T-D0567 Couinaud hepatic segment III
SCT 277958008 T-D056A Couinaud hepatic segment IV
SCT 277959000 T-D056B Couinaud hepatic segment V
SCT 277960005 T-D056C Couinaud hepatic segment VI
SCT 277961009 T-D056D Couinaud hepatic segment VII
SCT 277962002 T-D056E Couinaud hepatic segment VIII
SCT 278307001 R-40553 On admission
SCT 278528006 F-017C0 Facial Swelling
SCT 278983006 T-D051D Fissure of lung
SCT 279215006 T-A0036 Limbic lobe
SCT 27925004 M-03010 Nodule
SCT 279336005 T-A4904 Posterior Commissure
SCT 27947004 T-D4200 Epigastric region
SCT 27949001 T-15770 Tarsal joint
SCT 280062008 T-D3412 Esophageal Hiatus
SCT 280371009 T-A0109 Brain cerebrospinal fluid pathway
SCT 280401006 T-D0721 Spinal cerebrospinal fluid pathway
SCT 280677004 T-AA62D ILM - Internal limiting membrane
SCT 280734009 T-11531 Vertebral foramen
SCT 281130003 T-D0765 Descending aorta
SCT 281134007 T-D305A Intercostal artery
SCT 281157001 T-4000E Systemic vascular structure
SCT 281159003 T-4105E Systemic artery
SCT 28121005 C-B0331 Iophendylate
SCT 281379000 R-41FD9 Pre-admission
SCT 281392002 T-D3208 Upper zone of lung
SCT 281393007 T-D3209 Middle zone of lung
SCT 281394001 T-D320A Lower zone of lung
SCT 28205006 T-42520 Infra-renal Aorta
SCT 28231008 T-63000 Gallbladder
SCT 28273000 T-60610 Bile duct
SCT 28347008 T-AB100 External ear
SCT 2841007 T-46600 Renal artery
SCT 284639000 T-48832 Umbilical vein
SCT 285285000 F-00E5C Cobb angle
SCT 286558002 A-11C08 Ureteric stent
SCT 28693002 T-1177B T7/T8 disc
SCT 28700002 T-25201 Carina
SCT 28726007 T-AA200 Cornea
SCT 28926001 D0-71000 Drug Rash
SCT 289894009 F-840B3 Menstruation present
SCT 289925000 F-61779 Waste Material
SCT 29092000 T-48000 Vein
SCT 292094009 DF-10780 Radiopharmaceutical Adverse Reaction
SCT 29218008 C-B1061 Indium^111^ pentetate
SCT 29348008 C-B1251 Pentetate calcium trisodium Yb^169^
SCT 2942001 C-B1302 Carbon^14^ D-xylose
SCT 29460005 C-B1018 Copper^67^ ceruloplasmin
SCT 29660000 T-46940 Inferior phrenic artery
SCT 29707007 T-D9800 Toe
SCT 298336006 F-100EC No motor response to command
SCT 29836001 T-D2500 Hip
SCT 299716001 T-41068 Iliac and/or femoral artery
SCT 30021000 T-D9400 Lower leg
SCT 300841009 R-428E7 Poorly defined
SCT 30114003 T-A5271 Medial Lemniscus
SCT 301766008 F-A004A Lesion of Brain
SCT 30180000 T-1A190 Adventitia
SCT 3027009 C-122A5 ^133^Barium
SCT 30315005 T-58000 Small intestine
SCT 303270005 T-50007 Liver and biliary structure
SCT 303960004 C-50434 Thrombolytic agent
SCT 3040004 C-B1207 Technetium Tc^99m^ disofenin
SCT 30492008 C-72000 Diuretic
SCT 3058005 T-A0140 Peripheral nervous system
SCT 30608006 T-13600 Muscle of upper limb
SCT 30730003 G-A145 Sagittal
SCT 308689002 F-20172 Coin lesion
SCT 309312004 T-D021B Cartilage
SCT 309825002 R-42018 Spatial and Relational Concept
SCT 31065004 T-A2400 Occipital lobe
SCT 31094006 T-28770 Lobe of lung
SCT 31099001 G-A572 Systemic
SCT 31145008 T-45250 Occipital artery
SCT 31192007 C-B1122 Ferrous chloride Fe^59^
SCT 3120008 T-29000 Pleural structure
SCT 312535008 T-20101 Pharynx and larynx
SCT 312779009 T-D006D Bone structure of head and/or neck
SCT 31306009 C-80460 Quinidine
SCT 3138006 - Bone
SCT 314122007 P0-006F0 Maintenance therapy
SCT 31428008 T-A3100 Corpus striatum
SCT 31435000 T-88000 Fallopian tube
SCT 31527000 C-B1175 Sodium chloride Na^24^
SCT 3159004 T-46180 Costocervical trunk
SCT 31640002 T-11140 Occipital bone
SCT 31677005 T-47440 Profunda Femoris Artery
SCT 31688004 T-48770 Testicular Vein
SCT 31764008 T-14171 Trapezius muscle
SCT 317665004 T-1153E Superior articular process of vertebra
SCT 317766009 T-1153F Inferior articular process of vertebra
SCT 31811003 C-10520 Carbon dioxide
SCT 31934006 T-12281 Acromion process of scapula
SCT 31953001 C-B1183 Strontium nitrate Sr^87^
SCT 32062004 T-45100 Common carotid artery
SCT 32114007 T-48214 Occipital vein
SCT 32185000 F-10318 lateral decubitus
SCT 3227004 T-43107 Left Main Coronary Artery
SCT 3236000 T-28220 Posterior segment of right upper lobe
SCT 32361000 T-D9310 Popliteal fossa
SCT 32381004 G-A170 Hilar
SCT 32400000 G-A121 Preaxial
SCT 32457005 T-D0070 Body fluid
SCT 32505007 C-106A1 ^32^Phosphorus
SCT 32672002 T-42400 Descending aorta
SCT 32764006 T-48810 Portal vein
SCT 32836007 C-B0338 Sodium acetrizoate
SCT 32849002 T-56000 Esophagus
SCT 32859001 T-48910 Inferior Mesenteric Vein
SCT 33060004 T-A6080 Cerebellar White Matter
SCT 33096000 G-A144 Vertical
SCT 33252009 C-80135 beta-Adrenergic blocking agent
SCT 33271006 C-B1091 Iodohippurate I^131^ sodium
SCT 33564002 T-04005 Lower outer quadrant of breast
SCT 33586001 F-103A0 sitting
SCT 3361000 C-A6700 Anti-heparin agent
SCT 33626005 T-32310 Left auricular appendage
SCT 33723005 T-A6630 Middle cerebellar peduncle
SCT 33785000 C-B1095 Iodohippurate I^123^ sodium
SCT 33795007 T-46520 Inferior mesenteric artery
SCT 33843005 G-A128 Efferent
SCT 33930006 T-A1502 Cranial Subarachnoid Space
SCT 34026001 F-10316 semi-prone
SCT 34106002 F-10348 Trendelenburg
SCT 34108001 F-10410 curled-up
SCT 34127007 C-173A7 ^85^Krypton
SCT 34206005 G-D104 Subcutaneous route
SCT 34296003 F-10380 frog
SCT 34340008 T-48003 Venous network
SCT 34402009 T-59600 Rectum
SCT 34411009 T-D6500 Broad ligament
SCT 34516001 T-58600 Ileum
SCT 34635009 T-46960 Lumbar artery
SCT 34707002 T-60600 Biliary tract
SCT 34959001 T-117AB T10/T11 disc
SCT 35039007 T-83000 Uterus
SCT 35259002 T-13660 Deltoid muscle
SCT 35321007 C-B1031 Fluorodeoxyglucose F^18^
SCT 353903006 C-B0382 Iopromide
SCT 353912008 C-B038B Iothalamate
SCT 353946009 C-B03AD Gadoteridol
SCT 353962003 C-B03BC Iodixanol
SCT 354088005 C-B03C3 Gadodiamide
SCT 354094002 C-B03C9 Metrizoate
SCT 35532006 T-48600 Vena cava
SCT 35764002 T-A1600 Brain ventricle
SCT 35819009 T-48890 Splenic vein
SCT 3583002 G-A108 Caudal
SCT 35884005 C-B1109 Iodine^131^ polyvinylpyrrolidone
SCT 35918002 T-A1820 Fourth Ventricle
SCT 35951006 T-A1500 Subarachnoid space
SCT 360066001 A-11FCD Left Ventricular Assist Device
SCT 360129009 A-040CB Cardiac pacemaker lead
SCT 36054005 T-11660 C6 vertebra
SCT 360592004 T-48081 Systemic vein
SCT 360955006 T-2300C Nasopharynx
SCT 361078006 T-AB959 Internal Auditory Canal
SCT 36118008 D2-80300 Pneumothorax
SCT 36169008 T-A2610 Insula
SCT 36176003 F-6ACA0 Thrombin preparation
SCT 362072009 T-4940B Saphenous vein
SCT 363654007 T-D14AE Orbital structure
SCT 363679005 P0-0099A Imaging procedure
SCT 36470004 T-11930 L3 vertebra
SCT 36641004 C-B1152 Potassium chloride K^42^
SCT 36672000 T-43112 Distal Left Anterior Descending Coronary Artery
SCT 367643001 M-3340A Cyst
SCT 36765005 T-46100 Subclavian artery
SCT 368479001 T-49217 Superficial Palmar Venous Arch
SCT 368481004 T-49218 Deep Palmar Venous Arch
SCT 368536000 T-18774 Axillary Fascia
SCT 36900006 C-B1105 Iodohippurate I^125^ sodium
SCT 36978003 T-11650 C5 vertebra
SCT 37035000 T-A2840 Cingulum
SCT 37117007 T-D7010 Right inguinal region
SCT 371195002 T-D0821 Bone of upper limb
SCT 371398005 T-D0801 Eye region
SCT 37161004 G-D160 Per rectum
SCT 371863001 R-0039F Perfusion
SCT 371879000 R-002C4 Abnormally High
SCT 371880002 R-002C5 Abnormally Low
SCT 371884006 R-00363 +/-, range of measurement uncertainty
SCT 371885007 R-00362 -, range of lower measurement uncertainty
SCT 371886008 R-00364 +, range of upper measurement uncertainty
SCT 371887004 R-00338 90th Percentile Value of population
SCT 371888009 R-00397 5th Percentile Value of population
SCT 371889001 R-00337 95th Percentile Value of population
SCT 371890005 R-00377 10th Percentile Value of population
SCT 371917008 R-00346 1 Sigma Upper Value of population
SCT 371918003 R-00388 2 Sigma Lower Value of population
SCT 371919006 R-00347 1 Sigma Lower Value of population
SCT 371920000 R-00387 2 Sigma Upper Value of population
SCT 371925005 R-00333 Most significant
SCT 371926006 R-0030C Highly significant
SCT 371928007 R-00345 Not significant
SCT 371933006 R-0038B Normal Range Upper Limit
SCT 371934000 R-0039B Normality Undetermined
SCT 37197008 G-A180 Anterolateral
SCT 372073000 T-A010F Cerebral hemisphere
SCT 372074006 T-14122 Chest wall muscle
SCT 372087000 - Neoplasm, Primary
SCT 372460008 G-D173 Intracardiac route
SCT 372463005 G-D17C Intracoronary route
SCT 372464004 G-D17D Intracutaneous route
SCT 37274004 T-46440 Gastroduodenal Artery
SCT 372784001 F-61955 Papaverine
SCT 372787008 F-61957 Vasodilator
SCT 37285002 T-11211 Manubrium of sternum
SCT 372863003 F-6199B Phentolamine
SCT 373066001 R-0038D Yes
SCT 373067005 R-00339 No
SCT 373068000 R-0038A Undetermined
SCT 373098007 R-00317 Mean Value of population
SCT 373099004 R-00319 Median Value of population
SCT 373100007 R-0032E Mode
SCT 373263004 F-6181D Cardiac adrenergic blocking agent
SCT 373746004 F-61642 Coagulant
SCT 37414007 T-1167B C7/T1 disc
SCT 37512009 T-B1200 Neurohypophysis
SCT 37737002 G-D144 Intraluminal route
SCT 38199008 T-54010 Tooth
SCT 38239002 G-D106 Intraperitoneal route
SCT 38242008 T-90020 Male internal genitalia
SCT 38266002 T-D0010 Entire body
SCT 3829006 C-13000 Iron
SCT 38341003 D3-02000 Hypertension
SCT 38344006 C-B0344 Sodium iodomethamate
SCT 38424001 C-B1181 Strontium chloride Sr^87^
SCT 385294005 T-61007 Salivary gland
SCT 385315009 - Acute onset
SCT 385524004 R-41F90 Normal Range Lower Limit
SCT 38586004 A-81080 Laser
SCT 386134007 R-10045 Significant
SCT 386135008 R-10046 Significance Undetermined
SCT 386136009 R-10047 Standard Deviation
SCT 387124009 F-61C97 Thromboplastin
SCT 38717003 G-A143 Longitudinal
SCT 387362001 F-B2135 Epinephrine
SCT 38848004 T-58200 Duodenum
SCT 38864007 T-D2700 Perineum
SCT 389080008 T-A0095 White Matter
SCT 389081007 T-A0096 Gray Matter
SCT 38991005 T-46350 Superior phrenic artery
SCT 39057004 T-35200 Pulmonary valve
SCT 39200002 C-B1089 Iodinated I^131^ albumin
SCT 3924000 T-46210 Pericardiophrenic Artery
SCT 39290007 C-12200 Barium
SCT 3932008 C-127A2 ^64^Copper
SCT 39352004 T-15001 Joint
SCT 3937002 T-A2594 Entorhinal Cortex
SCT 39477002 T-59666 Feces
SCT 395742005 C-14512 Indium^111 Chloride
SCT 395787009 C-B110E Iodine^123 3-Iodobenzylguanidine MIBG
SCT 395789007 C-B112D Iodine^131 3-Iodobenzylguanidine MIBG
SCT 395865006 C-11906 ^186^Rhenium
SCT 395889004 F-66005 Streptokinase
SCT 395894004 C-B10FB Selenium^75^ HCAT
SCT 39607008 T-28000 Lung
SCT 396339007 M-35001 Thrombus
SCT 39723000 T-15680 Sacroiliac joint
SCT 397363009 G-035B Common Femoral Vein
SCT 397364003 G-035A Superficial Femoral Vein
SCT 397405001 G-035C Hilar Artery
SCT 397407009 G-035E First Lumbar Artery
SCT 397408004 G-035F Second Lumbar Artery
SCT 397409007 G-0360 Third Lumbar Artery
SCT 397410002 G-0361 Fourth Lumbar Artery
SCT 397411003 G-0362 Fifth Lumbar Artery
SCT 397412005 G-0363 Sixth Lumbar Artery
SCT 397418009 G-0368 Anterior-Middle Cerebral Artery Bifurcation
SCT 397419001 G-0369 Anterior-Posterior Cerebral Artery Bifurcation
SCT 397423009 G-036C Transjugular Intrahepatic Portosystemic Shunt
SCT 397425002 G-036D Inferior Right Hepatic Vein
SCT 397427005 G-036B Soleal vein
SCT 39743006 T-28230 Anterior segment of right upper lobe
SCT 397435008 G-036E Posterior arch vein
SCT 397437000 G-036F Giacomini vein
SCT 397439002 G-0370 Ileal vein
SCT 398979000 F-037AB Pallor (Pale Complexion)
SCT 398994001 G-A191 Five chamber
SCT 399001007 G-5216 Posterior projection
SCT 399004004 R-10246 oblique axial
SCT 399006002 R-10212 left posterior oblique
SCT 399012007 G-5220 Medial-lateral
SCT 399033003 R-10202 frontal
SCT 399038007 R-10210 right posterior oblique
SCT 399059000 R-10216 postero-anterior oblique
SCT 399061009 R-10241 axial
SCT 399067008 R-102CD lateral
SCT 399071006 R-102C3 plantodorsal
SCT 399074003 G-5207 Left anterior oblique
SCT 399075002 G-5208 Right posterior oblique
SCT 399089007 G-5210 Oblique axial
SCT 399099002 R-10230 latero-medial oblique
SCT 399108003 G-5206 Right anterior oblique
SCT 399110001 R-102C2 tangential
SCT 399118008 G-5223 Left lateral projection
SCT 399132005 R-10252 frontal-oblique axial
SCT 399135007 R-10220 left anterior oblique
SCT 399136008 G-5209 Left posterior oblique
SCT 399159002 G-5225 Latero-medial oblique
SCT 399160007 R-10204 frontal oblique
SCT 399162004 R-10242 cranio-caudal
SCT 399173006 R-10236 left lateral
SCT 399182000 R-102C1 oblique
SCT 399184004 R-10238 left oblique
SCT 399196006 R-10244 caudo-cranial
SCT 399198007 R-10232 right lateral
SCT 399214001 G-A19C Four chamber
SCT 399220000 R-10515 transverse
SCT 399225005 R-10250 oblique caudo-cranial
SCT 399232001 G-A19B Two chamber
SCT 399236003 R-10234 right oblique
SCT 399242004 R-102C6 acanthioparietal
SCT 399255003 R-10256 submentovertical
SCT 399260004 R-10224 medial-lateral
SCT 399268006 G-5224 Medio-lateral oblique
SCT 399272005 R-102C5 parietoacanthial
SCT 399273000 G-5212 Sagittal-oblique axial
SCT 399288005 R-10248 oblique cranio-caudal
SCT 399297009 G-5222 Right lateral projection
SCT 399300004 G-5221 Lateral-medial
SCT 399312000 R-10208 antero-posterior oblique
SCT 399316002 R-102C8 parieto-orbital
SCT 399321004 G-5215 Anterior projection
SCT 399325008 R-10254 sagittal-oblique axial
SCT 399331006 P5-0808E CT without contrast
SCT 399335002 R-102C4 dorsoplantar
SCT 399348003 R-10206 antero-posterior
SCT 399351005 R-102C7 orbitoparietal
SCT 399352003 R-10228 lateral-medial
SCT 399356000 R-40985 right anterior oblique
SCT 399360002 R-10257 verticosubmental
SCT 399366008 R-10516 oblique
SCT 399368009 R-10226 medio-lateral oblique
SCT 39937001 T-01000 Skin
SCT 399593007 - MX
SCT 39976000 T-11620 C2 vertebra
SCT 40146001 T-A2020 Cerebral Gray Matter
SCT 40199007 F-10340 supine
SCT 40254007 T-47260 Digital artery of hand
SCT 402603005 D0-2202B Diffuse inflammatory erythema
SCT 40265002 T-11511 Arch of vertebra
SCT 40300007 T-48940 Internal iliac vein
SCT 403618004 D0-3002F Drug induced Flushing
SCT 40388003 A-04010 Implant
SCT 40415009 G-A118 Proximal
SCT 40689003 T-94000 Testis
SCT 40710000 C-B0327 Iodopyracet
SCT 40779009 D2-60302 Plate-like atelectasis
SCT 407976008 C-B0415 Gadobutrol
SCT 40908007 T-1171B T1/T2 disc
SCT 409477004 C-B0493 Gadoversetamide
SCT 409484007 C-B0303 Ioxilan
SCT 409774005 M-0100C Inflammation
SCT 40983000 T-D8200 Upper arm
SCT 410430005 D2-60262 Cardiorespiratory arrest
SCT 410668003 G-D7FE Length
SCT 410679008 G-A206 Surface
SCT 41216001 T-92000 Prostate
SCT 412228003 F-61E1C Ioxaglate
SCT 41313007 T-14163 Internal intercostal muscle
SCT 413896006 R-10258 Common iliac artery bifurcation
SCT 414135002 R-10260 Estimated
SCT 414368000 R-1025A Great Saphenous Vein of Calf
SCT 414369008 R-10259 Great Saphenous Vein of Thigh
SCT 4147007 M-03000 Mass
SCT 414722000 R-1024F Middle Cerebral Artery M1 Segment
SCT 414723005 R-10251 Middle Cerebral Artery M2 Segment
SCT 415144009 R-10253 Posterior Cerebral Artery P1 Segment
SCT 415145005 R-10255 Posterior Cerebral Artery P2 Segment
SCT 415637004 R-102BB Internal Carotid Artery C5 segment
SCT 415646005 R-102BD Terminal internal carotid artery
SCT 415690000 F-400A9 Sweating
SCT 415704007 C-B1133 Technetium Tc^99m^ depreotide
SCT 41601005 T-11309 Shaft of rib
SCT 416152001 R-FAB53 Neck, Chest and Abdomen
SCT 416319003 R-FAB54 Neck, Chest, Abdomen and Pelvis
SCT 416550000 R-FAB55 Chest and Abdomen
SCT 416775004 R-FAB56 Chest, Abdomen and Pelvis
SCT 41695006 T-D1160 Scalp
SCT 417437006 R-FAB52 Neck and Chest
SCT 41758004 C-181A3 ^169^Ytterbium
SCT 41801008 T-43000 Coronary artery
SCT 418326009 F-D7011 Human fibrinogen
SCT 418363000 F-A21A7 Itching
SCT 41879009 T-43202 Distal Right Coronary Artery
SCT 419442005 C-21047 Ethanol
SCT 41967008 C-13700 Silver
SCT 419804008 C-B1134 ^153^Samarium
SCT 420287000 R-F2C86 Intraventricular route - cardiac
SCT 421060004 T-D04FF Spine
SCT 42258001 T-46510 Superior mesenteric artery
SCT 423578007 C-1018D ^188^Rhenium
SCT 424118002 C-163AD Technetium Tc^99m^Tetrofosmin
SCT 42417005 C-B1300 Carbon^14^ triolein
SCT 424299003 C-163AB Technetium Tc^99m^ sestamibi
SCT 424318009 C-163AC Technetium Tc^99m^Teboroxime
SCT 424570009 C-B1135 Indium^111^oxyquinoline
SCT 425704008 P0-02241 Power Doppler
SCT 42575006 T-D1460 Sella turcica
SCT 4258007 T-49620 Posterior Tibial Vein
SCT 42695009 T-A4000 Thalamus
SCT 42700002 M-02100 Round shape
SCT 42728008 C-B1070 Indium^113m^ pentetate
SCT 427667007 T-A0149 Nucleus Accumbens
SCT 42798000 G-A166 Area
SCT 429296007 C-B07EC Ioflupane I^123^
SCT 430276001 C-163B0 Technetium Tc^99m^ pentetate
SCT 430757002 T-4858F Pulmonary Vein
SCT 43119007 T-45320 Posterior communication artery
SCT 431491007 T-7000B Upper urinary tract
SCT 4317002 T-14050 Spinalis muscle
SCT 43239002 C-116A3 ^75^Selenium
SCT 433139009 P5-0907F Dynamic magnetic resonance imaging of knee
SCT 43538006 C-B0312 Non radiopaque medium
SCT 43674008 G-A122 Apical
SCT 43799004 T-D3200 Intra-thoracic
SCT 4382004 C-81120 Centrally acting hypotensive agent
SCT 4386001 F-20250 Bronchospasm
SCT 43863001 T-48530 Superior left pulmonary vein
SCT 43899006 T-47500 Popliteal artery
SCT 439007 C-B1010 Therapeutic radioisotope
SCT 440223009 C-178FF Gadoxetate disodium
SCT 44132006 M-41610 Abscess
SCT 442688001 F-05166 Difference in border definition
SCT 442691001 F-05167 Difference in substance
SCT 442700003 F-0516A Difference in Texture
SCT 442704007 F-0516C Difference in distribution
SCT 442711006 F-05170 Difference in site involvement
SCT 442714003 F-05173 Difference in size
SCT 442726008 F-05179 Difference in location
SCT 442755000 F-0517E Difference in border shape
SCT 443271005 P5-080FF PET/CT FDG imaging of whole body
SCT 44491008 P5-06000 Fluoroscopy
SCT 44567001 T-25000 Trachea
SCT 44588005 C-11400 Iodine
SCT 44612009 T-11221 Sternal angle
SCT 44627009 T-32550 Right ventricle outflow tract
SCT 446315002 P5-70694 Dynamic magnetic resonance imaging of pelvis
SCT 446406008 R-40B32 By inhalation
SCT 446534003 C-163B6 Technetium^99m Galactosyl Human Serum Albumin Diethylenetriamine
SCT 446536001 C-163B8 Technetium^99m Mercaptoacetyl triglycine MAG3
SCT 446800006 C-145AA Indium^111 Pentetreotide
SCT 446871009 C-145AB Indium^111 Capromab Pendetide
SCT 447122006 R-F2CD4 Intratumor route
SCT 447125008 C-163B9 Technetium^99m labeled carbon
SCT 447126009 C-163BA Technetium^99m N-pyridoxyl-5-methyltryptophan
SCT 447127000 C-163BB Technetium^99m Phytate
SCT 447128005 C-163BC Technetium^99m Stannous Colloid
SCT 447134003 C-114AB Iodine^123 15-(4-Iodophenyl)-3(R,S)-Methylpentadecanoic Acid
SCT 447553000 C-101ED ^177^Lutetium
SCT 44909008 T-A9630 Sympathetic trunk
SCT 44947003 T-14020 Erector spinae muscle
SCT 44984001 T-47200 Ulnar artery
SCT 45007003 D3-04000 Hypotension
SCT 450360000 - Coronary artery calcium score
SCT 45048000 T-D1600 Neck
SCT 450960006 T-D6515 Mid Right Coronary Artery
SCT 45206002 T-21000 Nose
SCT 45215009 C-15600 Tantalum
SCT 45289007 T-61100 Parotid gland
SCT 45292006 T-81000 Vulva
SCT 45296009 T-11760 T6 vertebra
SCT 45341000 T-44100 Trunk of pulmonary artery
SCT 45503006 D4-31120 Common ventricle
SCT 45631007 T-47300 Radial artery
SCT 45653009 T-28820 Upper lobe of lung
SCT 45793000 T-B2000 Pineal Gland
SCT 45849009 C-B1220 Technetium Tc^99m^ sodium glucoheptonate
SCT 4596009 T-24100 Larynx
SCT 46027005 T-48920 Common iliac vein
SCT 46030003 T-35100 Tricuspid valve
SCT 46053002 G-A119 Distal
SCT 461002 T-A7093 Lateral corticospinal tract
SCT 46385009 T-1228A Glenoid cavity of scapula
SCT 464983000 R-FCE69 Thermoluminescent radiation dosimeter
SCT 46713006 G-D172 Nasal route
SCT 46750007 T-28080 Hilum of lung
SCT 468115008 - Backrest
SCT 468440006 R-FD5EB Digital imager
SCT 46862004 T-D2600 Buttock
SCT 4693006 C-B1012 Chromium^51^ albumin
SCT 47192000 C-B0345 Meglumine diatrizoate
SCT 473188002 DF-1147C Drug Induced Dizziness
SCT 47588004 C-132A8 ^203^Lead
SCT 47625008 G-D101 Intravenous route
SCT 47729008 C-B1150 Potassium chloride K^43^
SCT 47898004 C-80490 Verapamil
SCT 4832001 C-B1208 Technetium Tc^99m^ mebrofenin
SCT 48345005 T-48610 Superior vena cava
SCT 48367006 T-74250 Endo-vesical
SCT 48387007 P1-26100 Tracheotomy
SCT 48477009 T-52000 Lip
SCT 48526000 P5-B0111 Peripheral Vascular Ultrasound Report
SCT 48544008 T-D4120 Right lower quadrant of abdomen
SCT 48603004 C-A6530 Warfarin
SCT 48694002 F-0B320 Anxiety
SCT 48895003 C-145A5 ^113m^Indium
SCT 48988008 F-BA070 Prostaglandin E1
SCT 49082002 T-48435 Small Cardiac Vein
SCT 49370004 G-A104 Lateral
SCT 49400002 T-1164B C4/C5 disc
SCT 49460000 T-51120 Soft palate
SCT 49530007 G-A127 Afferent
SCT 4958002 T-A3230 Amygdala
SCT 49608001 G-A402 Irregular
SCT 49668003 T-11950 L5 vertebra
SCT 49727002 F-24100 Cough
SCT 49755003 M-01000 Morphologically Abnormal Structure
SCT 49841001 T-A1740 Third ventricle
SCT 49852007 T-49250 Median Cubital vein
SCT 50016007 T-11240 Costal Cartilage
SCT 50018008 T-43100 Left Coronary Artery
SCT 50408007 T-44400 Left pulmonary artery
SCT 50519007 T-D4110 Right upper quadrant of abdomen
SCT 50536004 T-F1810 Umbilical artery
SCT 50755001 T-13450 Scalenous anterior muscle
SCT 5076001 T-D3213 Subxiphoid
SCT 50960005 M-37000 Hemorrhage
SCT 51114001 T-41000 Endo-arterial
SCT 51159009 T-13630 Teres minor muscle
SCT 51249003 T-48540 Inferior left pulmonary vein
SCT 51282000 T-11510 Vertebra
SCT 51283005 T-11160 Palatine bone
SCT 51299004 T-12310 Clavicle
SCT 51345006 T-B4000 Carotid Body
SCT 51440002 G-A102 Bilateral
SCT 51599000 D2-04460 Laryngeal edema
SCT 51698000 T-12287 Dorsal aspect of scapula
SCT 51845000 F-10326 anatomical
SCT 52082005 T-18010 Ligament
SCT 52101004 G-A203 Present
SCT 52359001 T-49340 Radial vein
SCT 52374004 T-11156 Ethmoid bone
SCT 524008 G-A443 Multifocal
SCT 52408003 C-B1111 Iodinated I^131^ gamma globulin
SCT 52433000 T-43121 Proximal Circumflex Coronary Artery
SCT 52509009 T-11220 Body of sternum
SCT 52612000 T-D2300 Lumbar region
SCT 52745005 C-129A2 ^51^Chromium
SCT 52988006 M-01100 Lesion
SCT 53085002 T-32500 Right ventricle
SCT 53118009 T-A1720 Inferior Horn of Lateral Ventricle
SCT 53120007 T-D8000 Upper limb
SCT 53238003 T-A8060 Optic tract
SCT 5329002 T-11640 C4 vertebra
SCT 53342003 T-21300 Endo-nasal
SCT 53350007 A-04000 Prosthesis
SCT 53505006 T-59900 Anus
SCT 53520000 T-A9605 Autonomic nerve
SCT 53549008 T-45400 Ophthalmic artery
SCT 53620006 T-15290 Temporomandibular joint
SCT 53655008 T-43210 Posterior Descending Right Coronary Artery
SCT 5366008 T-A2570 Hippocampus
SCT 53700003 C-127A3 ^67^Copper
SCT 53733008 T-11720 T2 vertebra
SCT 53951001 C-B1213 Technetium Tc^99m^ oxidronate
SCT 53967007 T-14161 External intercostal muscle
SCT 54019009 T-61300 Submandibular gland
SCT 5405008 C-144A6 ^60^Cobalt
SCT 54066008 T-55000 Pharynx
SCT 54247002 T-42100 Ascending aorta
SCT 54409005 T-45308 Carotid Siphon
SCT 54735007 T-11AD0 Sacrum
SCT 55024004 T-11102 Optic canal
SCT 55233005 T-A2850 Inferior longitudinal fasciculus
SCT 55494003 C-B1205 Technetium Tc^99c^ albumin microspheres
SCT 55584005 M-35300 Embolus
SCT 55603005 - Fat
SCT 55673009 C-B1088 Iothalamate sodium I^125^
SCT 55678000 T-11512 Spinous process of vertebra
SCT 55745002 C-80450 Propranolol
SCT 55814006 C-B1090 Iodinated I^131^ aggregated albumin
SCT 55864004 F-10330 kneeling
SCT 56329008 T-B1000 Pituitary
SCT 56353002 A-13600 Staple
SCT 56400007 T-48740 Renal vein
SCT 56401006 T-11750 T5 vertebra
SCT 56459004 T-D9700 Foot
SCT 56609000 C-145A4 ^111^Indium
SCT 56789007 T-43205 Right Coronary Artery Ostium
SCT 56849005 T-49650 Popliteal Vein
SCT 56851009 G-A437 Maximum
SCT 56873002 T-11210 Sternum
SCT 5692007 C-B1022 Cyanocobalamin Co^58^
SCT 57034009 T-42300 Aortic arch
SCT 57126000 C-20005 Glue
SCT 5713008 T-D1603 Submandibular area
SCT 57183005 G-A174 Edge
SCT 57195005 G-A123 Basal
SCT 57396003 T-43120 Circumflex Coronary Artery
SCT 57651003 T-14030 Iliocostalis muscle
SCT 57671007 T-96000 Vas deferens
SCT 57823005 T-43125 Left Posterolateral Circumflex Coronary Artery
SCT 57850000 T-46400 Truncus coeliacus
SCT 5798000 T-D3400 Diaphragm
SCT 58095006 T-32150 Interatrial septum
SCT 58100008 G-D102 Intra-arterial route
SCT 58281002 C-17800 Gadolinium
SCT 58541008 C-155A2 ^24^Sodium
SCT 58602004 T-D2310 Flank
SCT 58742003 T-12980 Sesamoid bones of foot
SCT 58820006 T-1163B C3/C4 disc
SCT 589001 T-32410 Interventricular septum
SCT 59011009 T-45800 Basilar artery
SCT 59057006 C-A7021 Antihemophilic factor preparation
SCT 59066005 T-11133 Mastoid bone
SCT 59082006 C-A7430 Urokinase preparation
SCT 5928000 T-48420 Great cardiac vein
SCT 59282003 D3-40230 Pulmonary embolism
SCT 5931004 C-B1222 Technetium Tc^99m^ sulfur colloid
SCT 59351004 F-61080 Citrate
SCT 59438005 T-43110 Left Anterior Descending Coronary Artery
SCT 59441001 T-C4000 Lymph Node
SCT 59652004 T-32100 Atrium
SCT 59749000 T-45410 Lacrimal artery
SCT 59801003 C-16700 Rhodium
SCT 59820001 T-40000 Endo-vascular
SCT 59844004 C-135A2 ^42^Potassium
SCT 60005003 T-14110 Pectoralis major muscle
SCT 6004007 T-1172B T2/T3 disc
SCT 60057003 C-138A9 ^201^Thallium
SCT 60132005 G-A366 Generalized
SCT 60176003 T-45540 Anterior Cerebral Artery
SCT 60184004 T-59470 Sigmoid colon
SCT 60213007 G-D107 Intramedullary route
SCT 60459006 C-B1124 Iron Fe^59^ labeled dextran
SCT 60533005 C-A7001 Astringent drug
SCT 60583000 G-A120 Postaxial
SCT 6064005 G-D112 Topical route
SCT 60734001 T-49530 Great saphenous vein
SCT 60819002 T-D1206 Cheek
SCT 60911003 T-11130 Temporal Bone
SCT 61397002 G-A172 Subcapsular
SCT 61685007 T-D9000 Lower limb
SCT 61695000 T-1A180 Media
SCT 61716009 C-173A5 ^81m^Krypton
SCT 61773008 C-80401 Lidocaine hydrochloride
SCT 61853006 T-1151F Vertebral canal
SCT 61959006 D4-31400 Truncus arteriosus communis
SCT 61962009 T-A5100 Midbrain
SCT 6229007 T-1115A Lacrimal bone
SCT 62372003 G-A137 Segmental
SCT 62442005 C-B0316 Chloriodized oil
SCT 62487009 T-11770 T7 vertebra
SCT 62517004 C-B1011 Sodium chromate Cr^51^
SCT 62551000 T-1193B L3/L4 disc
SCT 6257000 C-B1176 Sodium chloride Na^22^
SCT 62818001 T-B1100 Adenohypophysis
SCT 62824007 G-A117 Transverse
SCT 62869001 T-48286 Central Retinal Vein
SCT 62872008 T-A2980 Anterior Commissure
SCT 6301006 C-156A6 ^178^Tantalum
SCT 63507001 T-48930 External iliac vein
SCT 63562005 A-12210 Cervical collar
SCT 64033007 T-71000 Kidney
SCT 64131007 T-48710 Inferior vena cava
SCT 6423006 T-13610 Supraspinatus muscle
SCT 64234005 T-12730 Patella
SCT 6425004 C-51000 Antihistamine
SCT 64468002 T-46310 Bronchial artery
SCT 64488003 C-B1100 Iodinated I^125^ human serum albumin
SCT 64520006 C-A6710 Protamine sulfate
SCT 64658001 T-14166 Subcostal muscle
SCT 64688005 T-11BF0 Coccyx
SCT 64739004 T-93000 Seminal Vesicle
SCT 64864005 T-11710 T1 vertebra
SCT 6511003 T-43122 Distal Circumflex Coronary Artery
SCT 65123005 F-61620 Choline
SCT 6516008 C-B1065 Indium^111^-Fe(OH) >3<
SCT 65216001 T-A1000 Cerebrospinal Fluid
SCT 6538005 T-46130 Thyrocervical trunk
SCT 65709003 G-A324 Disseminated
SCT 6574001 M-54000 Necrosis
SCT 65818007 A-25500 Stent
SCT 66019005 T-D0300 Extremity
SCT 661005 T-D1213 Jaw region
SCT 66459002 G-A103 Unilateral
SCT 66559000 T-46421 Common Hepatic Artery
SCT 66720007 T-A1650 Lateral Ventricle
SCT 66787007 G-A107 Cranial
SCT 66794005 T-11910 L1 vertebra
SCT 66925006 C-12700 Copper
SCT 6725000 C-22947 Methylene blue
SCT 6736007 G-A002 Moderate
SCT 67440007 C-80131 Alpha-adrenergic blocking agent
SCT 67459009 T-1192B L2/L3 disc
SCT 67507000 C-80110 Antiarrhythmic drug
SCT 67690002 C-B1081 Sodium iodide I^123^
SCT 67701001 T-A6640 Inferior cerebellar peduncle
SCT 67937003 T-47100 Axillary Artery
SCT 68053000 T-47700 Anterior tibial artery
SCT 68183006 A-12030 Bone Screw
SCT 68235000 F-24442 Nasal Congestion
SCT 68300000 T-32210 Right auricular appendage
SCT 68367000 T-D9100 Thigh
SCT 68493006 G-A169 Gutter
SCT 68505006 T-D4140 Left lower quadrant of abdomen
SCT 68523003 T-A2030 Cerebral White Matter
SCT 68580003 C-130A3 ^59^Iron
SCT 68599007 - Subpleural
SCT 68630002 C-114A6 ^125^Iodine
SCT 68705008 T-49110 Axillary vein
SCT 68787002 T-43111 Proximal Left Anterior Descending Coronary Artery
SCT 68967007 C-B1087 Iodocholesterol I^131^
SCT 69076006 C-B1180 Strontium chloride Sr^85^
SCT 69105007 T-45010 Carotid Artery
SCT 69327007 T-46200 Internal thoracic artery
SCT 69421009 T-46423 Right Branch of Hepatic Artery
SCT 69536005 T-D1100 Head
SCT 6969002 T-C0200 Lymphoid tissue
SCT 69695003 T-57000 Stomach
SCT 6973004 C-B1013 Chromium^51^ chloride
SCT 69748006 T-B6000 Thyroid
SCT 69783005 C-B0324 Meglumine iodipamide
SCT 698247007 R-FAE6C Cardiac Arrhythmia
SCT 69833005 T-47410 Right femoral artery
SCT 698348000 R-FAED1 Internal Carotid Artery C6 segment
SCT 69839009 C-B1096 Iodinated I^125^ povidone
SCT 69930009 T-65010 Pancreatic duct
SCT 699886009 R-FB4D3 Female internal genitalia
SCT 70007007 T-A5160 Substantia nigra
SCT 70074004 T-26100 Right main bronchus
SCT 70105001 T-A2880 Optic radiation
SCT 70106000 F-63600 Lipid
SCT 70142008 D4-31220 Atrial Septal defect
SCT 70150004 T-60650 Bile
SCT 70154008 C-B1099 Iodinated I^125^ sodium iodine
SCT 701933006 R-FCC16 MOSFET radiation therapy dosimetry system dosimeter
SCT 70238003 T-32640 Left ventricle inflow
SCT 70253006 T-48814 Left Main Branch of Portal Vein
SCT 702569007 R-FB8F1 Cone Beam Acquisition
SCT 70258002 T-15750 Ankle joint
SCT 70382005 T-45900 Posterior Cerebral Artery
SCT 70544003 C-146B1 ^199^Gold
SCT 706342009 R-FE0C7 Phantom
SCT 706683002 R-FEEC3 Headrest
SCT 706699008 R-FE814 Chair
SCT 70925003 T-11170 Maxilla
SCT 709280007 A-A23F4 Floor
SCT 71128006 C-15000 Molybdenum
SCT 71133005 T-62023 Couinaud hepatic segment I
SCT 71252005 T-83200 Cervix
SCT 712714000 C-F06BC Gadoterate meglumine
SCT 71341001 T-12710 Femur
SCT 7140000 C-B0300 Contrast agent
SCT 714754004 T-F6724 Lateral calf perforator
SCT 714759009 T-F6713 Thigh perforator
SCT 715056000 T-D08DC L5/S1 disc
SCT 71585003 T-48160 External jugular vein
SCT 71616004 T-13001 Muscular
SCT 71633006 C-155A1 ^22^Sodium
SCT 71636003 C-B1082 Fibrinogen I^123^
SCT 71647005 C-105A2 ^14^Carbon
SCT 71651007 P5-40010 Mammography
SCT 717193008 R-FFB4A Cone beam computed tomography
SCT 71758008 T-49640 Peroneal Vein
SCT 71759000 C-81560 Nitroglycerin
SCT 71854001 T-59300 Colon
SCT 719178004 R0-0039D Multiparametric MRI of prostate
SCT 71966008 T-03000 Subcutaneous tissue
SCT 72001000 T-12700 Bone of lower limb
SCT 72015003 C-B1084 Iodinated I^125^ albumin
SCT 72021004 T-45210 Superior thyroid artery
SCT 72107004 T-48340 Azygos vein
SCT 72159005 C-B1023 Cyanocobalamin Co^60^
SCT 72164009 F-61A90 Inositol
SCT 72184008 T-11303 Neck of rib
SCT 724024003 - Radium^223^ dichloride
SCT 72410000 T-D3300 Mediastinum
SCT 724232004 - Sensation of being warm (finding)
SCT 72454006 C-163A8 ^99m^Technetium
SCT 72481006 T-28300 Middle lobe of right lung
SCT 72506001 A-11206 Defibrillator
SCT 72573008 T-13620 Infraspinatus muscle
SCT 72607000 G-D108 Intrathecal route
SCT 72674008 T-280D0 Segment of lung
SCT 72692000 T-1175B T5/T6 disc
SCT 72696002 T-D9200 Knee
SCT 7281000 C-B1209 Technetium Tc^99m^ lidofenin
SCT 73065000 C-B1041 Gallium^67^ citrate
SCT 73071006 T-11740 T4 vertebra
SCT 73117003 T-11150 Sphenoid bone
SCT 73212002 C-B0318 Iodipamide
SCT 73400003 T-11513 Transverse process or vertebra
SCT 73580002 T-48430 Middle cardiac vein
SCT 73634005 T-46710 Common iliac artery
SCT 73685002 C-B1231 Thallous chloride Tl^201^
SCT 73829009 T-32200 Right atrium
SCT 73930003 T-14150 Levatores costarum muscles
SCT 73931004 T-48813 Right Main Branch of Portal Vein
SCT 73949004 C-67770 Atropine
SCT 73959003 T-1165B C5/C6 disc
SCT 74135004 T-15009 Meniscus
SCT 74160004 T-02424 Skin of chest
SCT 74386004 T-11149 Nasal bone
SCT 74401007 T-1176B T6/T7 disc
SCT 74551000 M-02560 Circumference
SCT 74554008 C-B0341 Iodophthalein
SCT 74615001 D3-31121 Tachycardia-bradycardia
SCT 74670003 T-15460 Wrist joint
SCT 74872008 T-11110 Frontal bone
SCT 74947009 C-10080 Gas
SCT 74968005 T-A1630 Cavum of septum pellucidum
SCT 75042008 T-A1220 Arachnoid
SCT 75093004 T-02480 Skin of abdomen
SCT 75095006 T-1166B C6/C7 disc
SCT 75245000 T-26500 Left main bronchus
SCT 75294000 G-A600 Descending
SCT 75319007 T-11219 Clavicular notch of sternum
SCT 7569003 T-D8800 Finger
SCT 75753009 M-35000 Blood clot
SCT 75902001 T-43124 AV groove continuation of Circumflex Artery
SCT 75958009 G-C020 Bounded by
SCT 76015000 T-46420 Hepatic artery
SCT 7610001 T-117A0 T10 vertebra
SCT 76117006 T-45430 Central Retinal Artery
SCT 76155001 C-B0328 Iopanoic acid
SCT 76171001 F-20240 Air-trapping
SCT 76206002 T-117CB T12/L1 disc
SCT 76365002 T-04004 Upper outer quadrant of breast
SCT 764170006 - Fibrinolysin
SCT 764678003 - Yttrium^90^ microspheres
SCT 764704008 - PET/CT MET imaging of whole body
SCT 764821009 - Technetium Tc^99m^ pyrophosphate
SCT 76505004 T-D8810 Thumb
SCT 7657000 T-47400 Femoral artery
SCT 766886003 - Technetium Tc^99m^ bicisate
SCT 76710003 T-AA650 ELM - External limiting membrane
SCT 767418009 - Indium^113m^ chloride
SCT 76752008 T-04000 Breast
SCT 767775001 - Europium
SCT 767776000 - Niobium
SCT 76784001 T-82000 Vagina
SCT 76848001 T-39000 Pericardium
SCT 768763008 - Gadolinium
SCT 77004003 C-111A1 ^18^Fluorine
SCT 770982005 - Gadofosveset
SCT 77313009 C-B1223 Technetium Tc^99m^ exametazime
SCT 77343006 P5-009A0 Angiography
SCT 774007 T-D1000 Head and Neck
SCT 77444004 A-12024 Pin
SCT 77477000 P5-08000 Computed tomography
SCT 77568009 T-D2100 Back
SCT 77621008 T-D1620 Supraclavicular region of neck
SCT 7770004 C-158A6 ^89^Strontium
SCT 7771000 G-A101 Left
SCT 77720000 A-12062 Clip
SCT 77831004 T-04002 Upper inner quadrant of breast
SCT 78014005 T-70060 Urine
SCT 78023008 C-158A5 ^87m^Strontium
SCT 780783002 - Xenon^133^ gas
SCT 781259000 - Lutetium^177^ DOTATATE
SCT 78277001 T-A2500 Temporal lobe
SCT 7832008 T-42500 Abdominal aorta
SCT 78421000 G-D103 Intramuscular route
SCT 7844006 T-15610 Sternoclavicular joint
SCT 78480002 T-44200 Right pulmonary artery
SCT 78481003 C-B1108 Iofetamine I^123^ hydrochloride
SCT 78570003 C-B1067 Indium^111^ transferrin
SCT 78686003 C-B1017 Copper^64^ acetate
SCT 78904004 T-D3050 Chest wall
SCT 78961009 T-C3000 Spleen
SCT 78972004 T-11515 Pedicle of vertebra
SCT 79068005 A-30360 Needle
SCT 79142001 T-44010 Suprapulmonic valve area
SCT 792865009 - Gadobenate dimeglumine
SCT 79361005 T-15200 Fontanel of skull
SCT 79458005 G-A599 Ascending
SCT 795002 G-A140 Deep
SCT 796001 C-80330 Digoxin
SCT 79601000 T-12280 Scapula
SCT 79610008 C-B1216 Technetium Tc^99m^ serum albumin
SCT 79652003 T-AA770 Eyeball
SCT 79654002 M-36300 Edema
SCT 79741001 T-64500 Common bile duct
SCT 80064006 T-1191B L1/L2 disc
SCT 8012006 T-45530 Anterior communicating artery
SCT 80144004 T-12770 Calcaneus
SCT 8017000 T-32540 Right ventricle inflow
SCT 80243003 T-AA810 Eyelid
SCT 80272002 T-45160 Carotid Bifurcation
SCT 80447000 T-A1800 Cerebral aqueduct
SCT 80581009 T-D4001 Upper abdomen
SCT 80751004 C-172A8 ^133^Xenon
SCT 80891009 T-32000 Heart
SCT 80919006 A-61000 Jewelry
SCT 81040000 T-44000 Pulmonary artery
SCT 81502006 T-55300 Hypopharynx
SCT 816092008 - Pelvis
SCT 816094009 - Thorax
SCT 81621007 C-B1066 Indium^111^ red cell label
SCT 81654009 G-A138 Coronal
SCT 816989007 - Intra-pelvic
SCT 816990003 - Pelvic cavity, false
SCT 816991004 - Pelvic cavity, true
SCT 81727001 T-13300 Muscle of neck
SCT 81745001 T-AA000 Eye
SCT 81761004 C-B1203 Technetium Tc^99m^ microaggregated albumin
SCT 81827009 M-02550 Diameter
SCT 81839001 C-A6500 Anticoagulant
SCT 818981001 - Abdomen
SCT 818982008 - Abdomen and Pelvis
SCT 818987002 - Intra-abdominopelvic
SCT 8202008 C-135A3 ^43^Potassium
SCT 82471001 T-32300 Left atrium
SCT 82573000 C-80400 Lidocaine
SCT 82687006 T-11790 T9 vertebra
SCT 82849001 T-D4900 Retroperitoneum
SCT 82965004 T-1174B T4/T5 disc
SCT 83018002 T-47690 Plantar Arterial Arch
SCT 83036002 F-61760 Lactate
SCT 83251001 T-A2200 Frontal lobe
SCT 83323007 F-12100 Ossification
SCT 83330001 D4-32012 Patent ductus arteriosus
SCT 83419000 T-49410 Femoral vein
SCT 83423008 C-B0342 Sodium diprotrizoate
SCT 83555006 T-C6010 Lymphatic vessel
SCT 83598005 C-17200 Xenon
SCT 83670000 T-D4425 Peritoneal cavity
SCT 84020006 T-1194B L4/L5 disc
SCT 84301002 T-AB200 External auditory canal
SCT 84757009 DA-30000 Epileptic convulsions
SCT 84782009 T-A0500 Peripheral nerve
SCT 84812008 C-A6540 Heparin
SCT 85050009 T-12410 Humerus
SCT 85119005 T-D7020 Left inguinal region
SCT 85234005 T-45700 Vertebral artery
SCT 85272000 C-80430 Nifedipine
SCT 85293002 T-1A007 Interstitial tissue
SCT 85383006 T-46640 Accessory Renal Artery
SCT 85562004 T-D8700 Hand
SCT 85693008 C-B1200 Technetium Tc^99m^ aggregated albumin
SCT 85756007 T-D0050 Tissue
SCT 85856004 T-15420 Acromioclavicular joint
SCT 86117002 T-45300 Internal carotid artery
SCT 86122002 A-32110 Bullet
SCT 8629005 T-48510 Superior right pulmonary vein
SCT 86367003 T-D4130 Left upper quadrant of abdomen
SCT 86407004 A-17350 Table
SCT 86547008 T-47740 Dorsalis Pedis Artery
SCT 86570000 T-46500 Mesenteric artery
SCT 86584005 C-B0323 Iodoalphionic acid
SCT 86598002 T-280A0 Apex of Lung
SCT 87017008 G-A351 Focal
SCT 87068006 F-10390 stooped-over
SCT 87166008 T-21342 Vomer bone
SCT 87342007 T-12750 Fibula
SCT 87391001 T-11670 C7 vertebra
SCT 87410002 C-B1225 Technetium Tc^99m^ N-substituted iminodiacetate
SCT 87445005 C-B0335 Ipodate
SCT 87463005 T-A2970 Cerebral fornix
SCT 87483006 T-40200 Intima
SCT 87563008 T-A0102 Diencephalon
SCT 87612001 T-C2000 Blood
SCT 87687004 G-A151 Extra-articular
SCT 87784001 T-1A000 Soft tissue
SCT 87853006 C-B1210 Technetium Tc^99m^ iron ascorbate
SCT 87878005 T-32600 Left ventricle
SCT 87953007 T-73000 Ureter
SCT 87958003 C-B1121 Ferrous citrate Fe^59^
SCT 88166005 C-B1016 Copper^64^ versenate
SCT 8821006 T-47630 Peroneal artery
SCT 88340001 T-14040 Longissimus muscle
SCT 88442005 T-A2700 Corpus callosum
SCT 88446008 G-A405 Laminated
SCT 88454005 T-14167 Transversus thoracis
SCT 88473009 C-B1171 Selenomethionione Se^75^
SCT 88488004 C-13200 Lead
SCT 88556005 T-45510 Cerebral artery
SCT 8858006 C-B1182 Strontium nitrate Sr^85^
SCT 88593004 T-42310 Aortic isthmus
SCT 8887007 T-48620 Innominate vein
SCT 88882009 T-A8640 Vagus nerve
SCT 89149003 A-17310 Stretcher
SCT 89187006 T-20001 Airway structure
SCT 89202009 T-A2820 Superior longitudinal fasciculus
SCT 89272005 C-144A4 ^58^Cobalt
SCT 89278009 T-A3400 Putamen
SCT 8931003 T-12282 Coracoid process of scapula
SCT 89340005 T-11514 Lamina of vertebra
SCT 89545001 T-D1200 Face
SCT 89546000 T-11100 Skull
SCT 89595000 C-B0319 Iodized oil
SCT 89818005 C-B1224 Technetium Tc^99m^ tagged red cells
SCT 89837001 T-74000 Bladder
SCT 89890002 T-C6000 Lymphatic system
SCT 8993003 T-48720 Hepatic vein
SCT 90024005 T-46740 Internal iliac artery
SCT 90069004 G-A182 Posterolateral
SCT 90219004 T-48410 Coronary sinus
SCT 90290004 T-D4230 Umbilical region
SCT 90315007 T-35250 pulmonary valve sinuses
SCT 90418005 T-90010 Male external genitalia
SCT 90572001 T-28830 Lower lobe of lung
SCT 90588001 T-13650 Subscapularis muscle
SCT 90617008 C-B1068 Indium^113m^ bleomycin
SCT 90733003 C-B0348 Metrizamide
SCT 90734009 G-A270 Chronic
SCT 90745007 C-B0315 Bunamiodyl
SCT 90771006 T-48840 Superior Mesenteric Vein
SCT 91079009 T-46820 Uterine Artery
SCT 91083009 T-43201 Proximal Right Coronary Artery
SCT 91134007 T-35300 Mitral Valve
SCT 91397008 T-11196 Facial bones
SCT 91470000 T-D8104 Axilla
SCT 91539005 T-48501 Right Pulmonary Vein
SCT 91609006 T-11180 Mandible
SCT 91691001 T-D3136 Parasternal
SCT 91707000 T-F7040 Primitive pulmonary artery
SCT 91720002 T-D0080 Body Substance
SCT 91723000 T-D0005 Anatomical Structure
SCT 91727004 - Muscle
SCT 91728009 - Nerve
SCT 91732003 T-461A0 Dorsal scapular artery
SCT 91747007 T-40230 Lumen of blood vessel
SCT 91748002 T-43115 Mid Left Anterior Descending Coronary Artery
SCT 91750005 T-43117 1st Diagonal Coronary Artery
SCT 91751009 T-43118 2nd Diagonal Coronary Artery
SCT 91752002 T-43119 3rd diagonal Coronary Artery
SCT 91753007 T-43127 Mid Circumflex Coronary Artery
SCT 91754001 T-43128 1st Marginal Coronary Artery
SCT 91755000 T-43129 2nd Marginal Coronary Artery
SCT 91756004 T-4312A 3rd Marginal Coronary Artery
SCT 91757008 T-4312B 1st Left Posterolateral Coronary Artery
SCT 91758003 T-4312C 2nd Left Posterolateral Coronary Artery
SCT 91759006 T-4312D 3rd Left Posterolateral Coronary Artery
SCT 91760001 T-4312E Left Posterior Descending Circumflex Coronary Artery
SCT 91761002 T-43213 1st Right posterolateral Coronary Artery
SCT 91762009 T-43214 2nd Right posterolateral Coronary Artery
SCT 91763004 T-43215 3rd Right posterolateral Coronary Artery
SCT 91772007 T-D0062 Parenchyma
SCT 91806002 T-D00A3 Body cavity
SCT 91830000 T-D00AB Body conduit
SCT 9188009 T-1178B T8/T9 disc
SCT 925002 C-B0325 Sodium iodipamide
SCT 9454009 T-48330 Subclavian vein
SCT 95376002 D0-B0300 Injection site disorder
SCT 95378001 D0-B0311 Injection site hypersensitivity
SCT 95379009 D0-B0312 Injection site irritation
SCT 95380007 D0-B0314 Injection site pigmentation change
SCT 95381006 D0-B0320 Injection site infection
SCT 95382004 D0-B0324 Injection site abscess
SCT 95383009 D0-B0326 Injection site sterile abscess
SCT 95384003 D0-B0330 Injection Site Extravasation
SCT 95385002 D0-B0334 Injection site hemorrhage
SCT 95386001 D0-B0338 Injection site thrombosis
SCT 95387005 D0-B0339 Injection site malabsorption
SCT 95388000 D0-B0340 Injection site pain
SCT 95389008 D0-B0342 Injection site burning
SCT 95390004 D0-B0346 Injection site nerve damage
SCT 95391000 D0-B0350 Injection site inflammation
SCT 95392007 D0-B0352 Injection site edema
SCT 95393002 D0-B0354 Injection site dermatitis
SCT 95394008 D0-B0356 Injection site urticaria
SCT 95395009 D0-B0360 Injection site mass
SCT 95396005 D0-B0364 Injection site cyst
SCT 95397001 D0-B0370 Injection site necrosis
SCT 95398006 D0-B0380 Injection site anesthesia
SCT 95399003 D0-B0382 Injection site paresthesia
SCT 95400005 D0-B0390 Injection site ulcer
SCT 95401009 D0-B0394 Injection site bruising
SCT 95402002 D0-B03A0 Injection site induration
SCT 95403007 D0-B03A2 Injection site fibrosis
SCT 95404001 D0-B03A4 Injection site atrophy
SCT 955009 T-26000 Bronchus
SCT 96390006 C-B1218 Technetium Tc^99m^ medronate
SCT 976004 T-48780 Ovarian vein
SCT 9875009 T-C8000 Thymus Gland
UCUM % - Percent
UCUM /cm - /Centimeter
UCUM /min - /min
UCUM /s - /s
UCUM 1 - no units
UCUM 10-6.mm2/s - 10-6.mm2/s
UCUM Bq - Bq
UCUM Bq/ml - Becquerels/milliliter
UCUM Cel - degrees Celsius
UCUM Gy - Gy
UCUM Hz - Hertz
UCUM Sv - Sv
UCUM [PRU] - P.R.U.
UCUM [PRU]/m2 - P.R.U./m2
UCUM [arb'U] - arbitrary unit
UCUM [hnsf'U] - Hounsfield unit
UCUM [wood'U] - Wood U
UCUM [wood'U]/m2 - Wood U/m2
UCUM cm - cm
UCUM cm/s - centimeter/second
UCUM cm2 - Centimeter**2
UCUM cm2/ml - Centimeter**2/milliliter
UCUM cm2/ml{SUVbsa} - Standardized Uptake Value body surface area
UCUM cm3 - cubic centimeter
UCUM dB - decibel
UCUM deg - degree
UCUM dm3 - cubic decimeter
UCUM dyn.s.cm-5 - dyn.s.cm-5
UCUM dyn.s.cm-5/m2 - dyn.s.cm-5/m2
UCUM g - gram
UCUM g/cm3 - gram per cubic centimeter
UCUM g/ml - gram per milliliter
UCUM g/ml{SUVbw} - Standardized Uptake Value body weight
UCUM g/ml{SUVibw} - Standardized Uptake Value ideal body weight
UCUM g/ml{SUVlbm(James128)} - Standardized Uptake Value lean body mass (James 128 multiplier)
UCUM g/ml{SUVlbm(Janma)} - Standardized Uptake Value lean body mass (Janma)
UCUM g/ml{SUVlbm} - Standardized Uptake Value lean body mass (James)
UCUM h - hour
UCUM kPa - kPa
UCUM kV - kV
UCUM keV - keV
UCUM kg - kilogram
UCUM m - meter
UCUM m2 - square meter
UCUM mA - mA
UCUM mA.s - mA.s
UCUM mGy - mGy
UCUM mGy.cm - mGy.cm
UCUM mSv - mSv
UCUM mT - milliTesla
UCUM mg/cm3 - milligram per cubic centimeter
UCUM mg/min/ml - Milligrams/minute/milliliter
UCUM mg/ml - milligram per milliliter
UCUM min - minute
UCUM ml - milliliter
UCUM ml/[100]g/min - milliliter per 100 gram per minute
UCUM ml/[100]ml - milliliter per 100 milliliter
UCUM ml/g - Milliliter/gram
UCUM ml/min - milliliter per minute
UCUM ml/min/g - Milliliter/minute/gram
UCUM ml/s - milliliter per second
UCUM mm - mm
UCUM mm/s - millimeter/second
UCUM mm2 - square millimeter
UCUM mm2/s - mm2/s
UCUM mm3 - cubic millimeter
UCUM mm[Hg] - mmHg
UCUM mmol/kg{WetWeight} - millimoles per kg wet weight
UCUM ms - millisecond
UCUM ppm - ppm
UCUM rad - radian
UCUM s - second
UCUM s/mm2 - second per square millimeter
UCUM uA - uA
UCUM um - micrometer
UCUM um2 - square micrometer
UCUM um2/ms - um2/ms
UCUM um2/s - um2/s
UCUM um3 - cubic micrometer
UCUM umol/min/ml - Micromole/minute/milliliter
UCUM umol/ml - Micromole/milliliter
UCUM us - microsecond
UCUM {Particles}/[100]g{Tissue} - number particles per 100 gram of tissue
UCUM {counts} - Counts
UCUM {counts}/s - Counts per second
UCUM {events} - events
UCUM {frames} - frames
UCUM {propcounts} - Proportional to counts
UCUM {propcounts}/s - Proportional to counts per second
UCUM {ratio} - ratio
"""
